#include "base/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define UIDS_MAX 8
#define RETRY_FIRST_USEC (20 * USEC_PER_MSEC)
#define RETRY_LAST_USEC USEC_PER_SEC

struct listener {
	struct source *source; /* owned */
	int fd;                /* owned */
	uid_t uids[UIDS_MAX];
	size_t n_uids;
	listener_fn fn;
	void *data;
};

struct dialer {
	struct source *timer; /* owned */
	struct sockaddr_un address;
	uint64_t delay_usec;
	dialer_fn fn;
	void *data;
};

static int fill_address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(a->sun_path))
		return -ENAMETOOLONG;
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

static bool admits(const struct listener *l, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	for (size_t i = 0; i < l->n_uids; i++)
		if (l->uids[i] == uid)
			return true;
	return false;
}

static void on_knock(int fd, uint32_t events, void *data)
{
	struct listener *l = data;
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (got < 0)
		return;
	if (getsockopt(got, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || !admits(l, peer.uid)) {
		log_warn("peer_uid=%u refused a connection from another user", peer.uid);
		close(got);
		return;
	}
	l->fn(got, peer.uid, l->data);
}

int listener_new(struct loop *loop, int fd, const uid_t *uids, size_t n, listener_fn fn, void *data,
	struct listener **ret)
{
	struct listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l || n > UIDS_MAX) {
		free(l);
		close(fd);
		return l ? -E2BIG : -ENOMEM;
	}
	*l = (struct listener){.fd = fd, .n_uids = n, .fn = fn, .data = data};
	for (size_t i = 0; i < n; i++)
		l->uids[i] = uids[i];
	r = loop_add_fd(loop, fd, EPOLLIN, on_knock, l, &l->source);
	if (r < 0) {
		(void)listener_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct listener *listener_free(struct listener *l)
{
	if (!l)
		return NULL;
	source_free(l->source);
	close(l->fd);
	free(l);
	return NULL;
}

static void try_connect(void *data)
{
	struct dialer *d = data;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&d->address, sizeof(d->address)) == 0) {
		d->delay_usec = RETRY_FIRST_USEC;
		d->fn(fd, d->data);
		return;
	}
	if (fd >= 0)
		close(fd);
	timer_arm_after(d->timer, d->delay_usec);
	d->delay_usec = d->delay_usec * 2 > RETRY_LAST_USEC ? RETRY_LAST_USEC : d->delay_usec * 2;
}

int dialer_new(struct loop *loop, const char *path, dialer_fn fn, void *data, struct dialer **ret)
{
	struct dialer *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	*d = (struct dialer){.delay_usec = RETRY_FIRST_USEC, .fn = fn, .data = data};
	r = fill_address(&d->address, path);
	if (r == 0)
		r = loop_add_timer(loop, try_connect, d, &d->timer);
	if (r < 0) {
		free(d);
		return r;
	}
	timer_arm_after(d->timer, 0);
	*ret = d;
	return 0;
}

void dialer_again(struct dialer *d)
{
	timer_arm_after(d->timer, d->delay_usec);
}

struct dialer *dialer_free(struct dialer *d)
{
	if (!d)
		return NULL;
	source_free(d->timer);
	free(d);
	return NULL;
}

int listen_unix(const char *path, int type, struct err *e)
{
	struct sockaddr_un address;
	CLEANUP(closep) int fd = -1;

	if (fill_address(&address, path) < 0)
		return err_set(e, -ENAMETOOLONG, "socket path is over %zu bytes: %s",
			sizeof(address.sun_path) - 1, path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
		return err_set(e, -errno, "cannot listen at %s: %s", path, strerror(errno));
	/* Who may talk is decided by uid after accept, so the file itself is open. */
	if (chmod(path, 0666) < 0)
		return err_set(e, -errno, "cannot open %s to its peers: %s", path, strerror(errno));
	return TAKE_FD(fd);
}
