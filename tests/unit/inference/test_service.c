/* The service's timers under a stream of calls, which are fds and come before timers. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/link.h"
#include "inference/peers/inside.h"
#include "proto/messages.h"
#include "tests/support/test.h"

struct fixture {
	char dir[40]; /* of no models */
	struct loop *loop;
	struct device *device;
	struct engine *engine;
	struct shelf *shelf;
	struct service *service;
	struct source *calls;
	int fd;
	unsigned rounds, steps, looks;
	bool held; /* what comes is held, not begun */
};

/* Ready in every round, as the links of many workers are together. */
static void on_call(int fd, uint32_t events, void *data)
{
	struct fixture *x = data;

	(void)fd;
	(void)events;
	x->rounds++;
	x->steps += x->rounds > 1 && !x->service->step_due;
	x->looks += x->rounds > 1 && !x->service->models_usec;
	if (x->held)
		service_look_after(x->service, 1000);
	else
		service_step(x->service);
}

static void set_up(struct fixture *x, bool held)
{
	const char *dirs[] = {x->dir};
	struct err e = {0};

	*x = (struct fixture){
		.dir = "/tmp/vitrine-service-XXXXXX", .held = held, .fd = eventfd(1, EFD_CLOEXEC)};
	CHECK(x->fd >= 0 && loop_new(&x->loop) == 0 && engine_new(&x->engine) == 0);
	CHECK(mkdtemp(x->dir) && device_open("cpu", NULL, &x->device, &e) == 0);
	CHECK(shelf_open(dirs, 1, x->device, 1 << 20, &x->shelf, &e) == 0);
	CHECK(service_new(x->loop, x->engine, x->shelf, &x->service) == 0);
	CHECK(loop_add_fd(x->loop, x->fd, EPOLLIN, on_call, x, &x->calls) == 0);
}

static void tear_down(struct fixture *x)
{
	x->calls = source_free(x->calls);
	x->service = service_free(x->service);
	x->shelf = shelf_free(x->shelf);
	x->engine = engine_free(x->engine);
	x->loop = loop_free(x->loop);
	device_close(x->device);
	close(x->fd);
	CHECK(rmdir(x->dir) == 0);
}

TEST(a_stream_of_calls_does_not_put_the_engines_steps_off)
{
	struct fixture x;

	set_up(&x, false);
	while (x.rounds < 200)
		CHECK(loop_dispatch(x.loop, 10) >= 0);
	CHECK(x.steps > 20);
	tear_down(&x);
}

TEST(a_stream_of_held_calls_does_not_put_off_the_look_at_all_that_are_held)
{
	struct fixture x;
	uint64_t until;

	set_up(&x, true);
	until = clock_mono_usec() + 100000;
	while (clock_mono_usec() < until)
		CHECK(loop_dispatch(x.loop, 10) >= 0);
	CHECK(x.looks > 0);
	tear_down(&x);
}

/* --- held calls --- */

#define CALL_BYTES (1u << 20)

/* A service that counts, and the workers of two Spaces. */
struct paid {
	struct fixture x;
	char dir[40]; /* of the journal */
	struct ledger *ledger;
	struct worker *one, *two;
	int fds[2];
};

static void on_lease(void *data)
{
	(void)data;
}

static struct worker *add_worker(struct paid *p, const char *name, int *ret_fd)
{
	int fds[2];

	CHECK(link_pair(fds) == 0);
	CHECK(worker_add(p->x.service, name, name, false, fds[0]) == 0);
	*ret_fd = fds[1];
	return worker_find(p->x.service, name);
}

static void set_up_paid(struct paid *p)
{
	static const struct ledger_ops ops = {on_lease};
	struct err e = {0};

	*p = (struct paid){.dir = "/tmp/vitrine-service-XXXXXX"};
	set_up(&p->x, true);
	CHECK(mkdtemp(p->dir));
	CHECK(ledger_new(p->x.loop, p->dir, "cpu", &ops, p, &p->ledger, &e) == 0);
	service_set_ledger(p->x.service, p->ledger);
	p->one = add_worker(p, "one", &p->fds[0]);
	p->two = add_worker(p, "two", &p->fds[1]);
}

static void tear_down_paid(struct paid *p)
{
	p->x.service = service_free(p->x.service);
	p->ledger = ledger_free(p->ledger);
	close(p->fds[0]);
	close(p->fds[1]);
	CHECK(fs_remove_tree(p->dir) == 0);
	tear_down(&p->x);
}

/* A call of CALL_BYTES, most of it a picture. */
static void call(struct worker *w, uint32_t seq)
{
	static char value[CALL_BYTES] = "{\"model\":\"a/b\",\"task\":\"chat\",\"inputs\":\"\"}";
	struct frame f = {.type = INFER_CALL,
		.seq = seq,
		.value = (const uint8_t *)value,
		.length = sizeof(value)};
	struct err e = {0};

	CHECK(worker_on_call(w, &f, &e) == 0);
}

static void lease(struct paid *p, const char *payer, int64_t concurrent)
{
	struct models_lease m = {.payer = payer,
		.account = payer,
		.usec = 1000000,
		.valid_ms = 60000,
		.concurrent = concurrent};
	struct frame f = {.type = MODELS_LEASE};
	CLEANUP(buf_done) struct buf value;
	struct err e = {0};

	buf_init(&value, 1024);
	CHECK(models_lease_write(&m, &value) == 0);
	f.value = value.data;
	f.length = value.len;
	CHECK(ledger_on_lease(p->ledger, &f, &e) == 0);
}

TEST(held_calls_of_one_space_leave_room_for_those_of_others)
{
	const size_t share = SERVICE_HELD_SHARE / CALL_BYTES;
	struct paid p;

	set_up_paid(&p);
	for (uint32_t i = 0; i < 20; i++) /* nobody says yet whether they may */
		call(p.one, i);
	CHECK(p.one->tenant->calls == share);
	CHECK(p.one->tenant->held_bytes == SERVICE_HELD_SHARE);
	call(p.two, 0);
	CHECK(p.two->tenant->calls == 1 && p.two->tenant->held_bytes == CALL_BYTES);
	worker_drop_calls(p.one);
	CHECK(p.one->tenant->held_bytes == 0 && p.x.service->held_bytes == CALL_BYTES);
	call(p.one, 0);
	CHECK(p.one->tenant->calls == 1);
	tear_down_paid(&p);
}

TEST(a_call_that_waits_for_another_of_its_payers_is_not_read_again_until_that_has_ended)
{
	struct charge c = {.space = "one", .model = "a/b", .task = "chat"};
	struct account *a;
	struct paid p;
	struct err e = {0};

	set_up_paid(&p);
	lease(&p, "space:one", 1);
	CHECK(ledger_admit(p.ledger, "space:one", &a, &e) == 0);
	charge_begin(&c, p.ledger, a);
	call(p.one, 0);
	CHECK(p.one->calls && p.one->calls->crowded);
	p.one->calls->held[0] = '?'; /* whoever reads it ends it */
	CHECK(account_calls_next(a) && !account_calls_next(a));
	worker_resume_calls(p.one);
	CHECK(p.one->calls && account_calls_next(a));
	charge_end(&c, &(struct usage){0}, "done");
	worker_resume_calls(p.one);
	CHECK(!p.one->calls && p.x.service->held_bytes == 0);
	tear_down_paid(&p);
}

/* --- a blank box that becomes a Space's --- */

static void assign(struct paid *p, int fd, const char *replica, const char *space)
{
	const struct models_assign m = {.replica = replica, .space = space};
	struct frame f = {.type = MODELS_ASSIGN};
	CLEANUP(buf_done) struct buf value, packet;

	buf_init(&value, 512);
	buf_init(&packet, FRAME_PACKET_MAX);
	CHECK(models_assign_write(&m, &value) == 0);
	f.value = value.data;
	f.length = value.len;
	CHECK(frame_write(&packet, &f) == 0);
	CHECK(write(fd, packet.data, packet.len) == (ssize_t)packet.len);
	while (strcmp(p->one->tenant->space, space) != 0)
		CHECK(loop_dispatch(p->x.loop, 100) >= 0);
}

TEST(all_that_a_call_is_charged_for_moves_to_the_space_that_its_box_becomes)
{
	struct paid p;
	struct call *c;
	int fds[2];

	set_up_paid(&p);
	CHECK(link_pair(fds) == 0);
	service_add_control(p.x.service, fds[0]);
	call(p.one, 0);
	c = p.one->calls;
	CHECK(c);
	c->again = (struct charge){.space = c->tenant->space, .model = "a/b", .task = "chat"};
	charge_begin(&c->again, p.ledger, ledger_platform(p.ledger));
	assign(&p, fds[1], "one", "later");
	CHECK(c->again.space == c->tenant->space && c->charge.space == c->tenant->space);
	worker_drop_calls(p.one); /* its row is written: of a Space that is there */
	close(fds[1]);
	tear_down_paid(&p);
}

TEST_MAIN()
