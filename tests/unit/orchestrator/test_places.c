#include "orchestrator/peers/places.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "orchestrator/peers/accounts.h"
#include "orchestrator/usage/policies.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define SPACES 30000 /* more than the link's queue has room for */
#define POLICY                                                                                     \
	"tiers:\n"                                                                                 \
	"  member: {seconds: 60}\n"                                                                \
	"flavours:\n"                                                                              \
	"  gpu: {class: medium, device: cuda}\n"                                                   \
	"bind:\n"                                                                                  \
	"  default: {user: member, owner: member, network: member}\n"

struct fixture {
	char dir[64], path[128];
	struct store *store;
	struct loop *loop;
	struct accounts_peer *peer;
	struct link *link, *inference;
	int fd; /* of inference, until it listens */
	unsigned int behind;
	size_t spaces; /* that it was told */
	bool taken, late;
};

static int on_told(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct fixture *fx = data;
	struct models_pools m;

	(void)l;
	(void)files;
	if (f->type == MODELS_TAKEN)
		fx->taken = true;
	if (f->type != MODELS_POOLS)
		return 0;
	CHECK(models_pools_read(&m, f->value, f->length, e) == 0);
	fx->spaces += json_array_size(m.spaces);
	fx->late |= fx->taken;
	models_pools_done(&m);
	return 0;
}

static void on_drained(struct link *l, void *data)
{
	struct fixture *fx = data;

	(void)l;
	accounts_peer_drained(fx->peer);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	(void)reason;
	(void)data;
}

static long value_max(uint8_t type, void *data)
{
	(void)type;
	(void)data;
	return 64 << 10;
}

static const struct link_ops ops = {.on_frame = on_told,
	.on_closed = on_closed,
	.value_max = value_max,
	.on_drained = on_drained};
static const struct link_limits limits = {.queue_max = ACCOUNTS_QUEUE_MAX};

static void on_behind(const char *why, void *data)
{
	struct fixture *fx = data;

	CHECK(*why);
	fx->behind++;
	accounts_peer_leave(fx->peer);
}

static void make_spaces(const struct fixture *fx)
{
	sqlite3 *db;
	char sql[1024];

	(void)snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
		"INSERT INTO repos (id, kind, owner, name, private, words, created_usec, "
		"updated_usec) SELECT printf('%%032x', i), 0, 'ada', 's' || i, 0, '', 1, 1 FROM n;"
		"INSERT INTO spaces (id, epoch, hardware) SELECT id, 1, 'gpu' FROM repos",
		SPACES);
	CHECK(sqlite3_open(fx->path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	(void)sqlite3_close(db);
}

static void set_up(struct fixture *fx)
{
	int fds[2];

	*fx = (struct fixture){.dir = "/tmp/vitrine-places-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/db", fx->dir);
	CHECK(store_open(fx->path, &fx->store, NULL) == 0);
	make_spaces(fx);
	CHECK(policies_put(fx->store, 0, POLICY, "root", "a test", 1, NULL) == 0);
	CHECK(loop_new(&fx->loop) == 0 && link_pair(fds) == 0);
	CHECK(accounts_peer_new(fx->loop, fx->store, "", &fx->peer, NULL) == 0);
	CHECK(accounts_peer_version(fx->peer) == 1);
	accounts_peer_watch(fx->peer, on_behind, fx);
	CHECK(link_new(fx->loop, fds[0], &ops, &limits, fx, &fx->link) == 0);
	fx->fd = fds[1];
}

static void tear_down(struct fixture *fx)
{
	if (fx->fd >= 0)
		close(fx->fd);
	(void)accounts_peer_free(fx->peer);
	(void)link_free(fx->link);
	(void)link_free(fx->inference);
	(void)loop_free(fx->loop);
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void listen_at_last(struct fixture *fx)
{
	CHECK(link_new(fx->loop, fx->fd, &ops, &limits, fx, &fx->inference) == 0);
	fx->fd = -1;
}

static void rounds(struct fixture *fx, int n)
{
	for (int i = 0; i < n; i++)
		CHECK(loop_dispatch(fx->loop, 1) == 0);
}

TEST(more_spaces_than_the_link_takes_at_once_are_all_told_and_then_the_first_call_may_come)
{
	struct fixture fx;

	set_up(&fx);
	CHECK(accounts_peer_greet(fx.peer, fx.link, NULL) == 0);
	rounds(&fx, 200); /* inference is slow, and nothing is lost */
	CHECK(link_queued(fx.link) > ACCOUNTS_QUEUE_MAX / 2 && fx.behind == 0);
	listen_at_last(&fx);
	while (!fx.taken)
		rounds(&fx, 1);
	CHECK(fx.spaces == SPACES && !fx.late && fx.behind == 0);
	tear_down(&fx);
}

TEST(a_policy_applied_in_the_middle_is_told_from_the_beginning)
{
	struct fixture fx;

	set_up(&fx);
	listen_at_last(&fx);
	CHECK(accounts_peer_greet(fx.peer, fx.link, NULL) == 0);
	while (fx.spaces < SPACES / 2)
		rounds(&fx, 1);
	CHECK(!fx.taken);
	fx.spaces = 0;
	CHECK(accounts_peer_reload(fx.peer, NULL) == 0);
	while (!fx.taken)
		rounds(&fx, 1);
	CHECK(fx.spaces >= SPACES && !fx.late);
	tear_down(&fx);
}

TEST(a_policy_stands_though_it_cannot_be_told_and_the_link_ends)
{
	static const uint8_t bytes[32 << 10];
	const struct frame f = {.type = MODELS_POOLS, .value = bytes, .length = sizeof(bytes)};
	struct fixture fx;

	set_up(&fx);
	CHECK(accounts_peer_greet(fx.peer, fx.link, NULL) == 0);
	while (link_send(fx.link, &f) == 0)
		;
	CHECK(policies_put(fx.store, 1, POLICY, "root", "another", 1, NULL) == 0);
	for (int i = 0; i < 2000 && !fx.behind; i++) /* until not even a small one has room */
		CHECK(accounts_peer_reload(fx.peer, NULL) == 0);
	CHECK(fx.behind == 1 && accounts_peer_version(fx.peer) == 2);
	tear_down(&fx);
}

TEST_MAIN()
