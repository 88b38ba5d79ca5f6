#include "base/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "tests/support/test.h"

static char root[64], path[128];

static void fresh(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/vitrine-dial-XXXXXX");
	CHECK(mkdtemp(root));
	CHECK(chmod(root, 0711) == 0);
	(void)snprintf(path, sizeof(path), "%s/x.sock", root);
}

struct meeting {
	struct loop *loop;
	int accepted, dialled;
	uid_t uid;
	struct dialer *dialer;
	struct source *again;
	struct listener *late;
};

static void on_peer(int fd, uid_t uid, void *data)
{
	struct meeting *m = data;

	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	m->accepted++;
	m->uid = uid;
	close(fd);
	if (m->accepted == 2)
		loop_stop(m->loop, 0);
}

static void on_dialled(int fd, void *data)
{
	struct meeting *m = data;

	m->dialled++;
	close(fd);
	if (m->dialled == 1)
		dialer_again(m->dialer);
}

TEST(a_dialer_meets_a_listener_and_again_when_asked)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	CLEANUP(listener_freep) struct listener *listener = NULL;
	struct meeting m = {0};
	int fd;

	fresh();
	CHECK(loop_new(&l) == 0);
	m.loop = l;
	fd = listen_unix(path, SOCK_SEQPACKET, NULL);
	CHECK(fd >= 0);
	CHECK(listener_new(l, fd, NULL, 0, on_peer, &m, &listener) == 0);
	CHECK(dialer_new(l, path, on_dialled, &m, &m.dialer) == 0);
	CHECK(m.dialled == 0); /* from the loop only */
	CHECK(loop_run(l) == 0);
	CHECK(m.accepted == 2 && m.dialled == 2 && m.uid == geteuid());
	m.dialer = dialer_free(m.dialer);
	CHECK(fs_remove_tree(root) == 0);
}

static void listen_late(void *data)
{
	struct meeting *m = data;
	int fd = listen_unix(path, SOCK_SEQPACKET, NULL);

	CHECK(fd >= 0);
	m->accepted = 1;
	CHECK(listener_new(m->loop, fd, NULL, 0, on_peer, m, &m->late) == 0);
}

TEST(a_dialer_keeps_trying_until_somebody_listens)
{
	CLEANUP(loop_freep) struct loop *l = NULL;
	struct meeting m = {.dialled = 1};

	fresh();
	CHECK(loop_new(&l) == 0);
	m.loop = l;
	CHECK(dialer_new(l, path, on_dialled, &m, &m.dialer) == 0);
	CHECK(loop_add_timer(l, listen_late, &m, &m.again) == 0);
	timer_arm_after(m.again, 30 * USEC_PER_MSEC);
	CHECK(loop_run(l) == 0);
	CHECK(m.dialled == 2 && m.accepted == 2);
	m.dialer = dialer_free(m.dialer);
	m.late = listener_free(m.late);
	CHECK(fs_remove_tree(root) == 0);
}

TEST(a_stale_socket_is_replaced_and_a_path_too_long_is_refused)
{
	struct err e = {0};
	char longer[200];
	int first, second;

	fresh();
	first = listen_unix(path, SOCK_STREAM, NULL);
	second = listen_unix(path, SOCK_STREAM, NULL);
	CHECK(first >= 0 && second >= 0);
	close(first);
	close(second);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK(listen_unix(longer, SOCK_STREAM, &e) == -ENAMETOOLONG);
	CHECK(strstr(e.text, "over 107 bytes"));
	CHECK(fs_remove_tree(root) == 0);
}

TEST_MAIN()
