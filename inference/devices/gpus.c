#include "inference/devices/gpus.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "inference/devices/nvml.h"

#define ANEW_MSEC 1000 /* before a sampler that ended is started anew */

struct gpus {
	int fd;                /* owned */
	struct source *source; /* owned; NULL: nothing more will come */
	struct gpus_report last;
	bool told;
};

_Static_assert(sizeof(struct gpus_report) < 8192, "a report is one packet");

/* --- the sampler: may hang in any of these calls --- */

static _Noreturn void run_sampler(const char *library, unsigned every_sec, int fd)
{
	struct nvml *v = nvml_open(library);
	struct gpus_report report;

	if (!v)
		_exit(3);
	while (nvml_sample(v, &report)) {
		if (send(fd, &report, sizeof(report), MSG_NOSIGNAL) < 0)
			_exit(0);
		(void)sleep(every_sec);
	}
	_exit(1);
}

/* --- the keeper --- */

struct keeper {
	const char *library;
	unsigned every_sec, patience_sec;
	int up;         /* where reports go */
	pid_t sampler;  /* 0: none */
	int down;       /* its reports; -1: none */
	uint32_t stuck; /* seconds */
	bool told;      /* something came, so there is a library */
	struct gpus_report last;
};

/* False: there is nothing to be watched. */
static bool start_sampler(struct keeper *k)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	k->sampler = fork();
	if (k->sampler == 0) {
		(void)close(k->up);
		(void)close(fds[0]);
		run_sampler(k->library, k->every_sec, fds[1]);
	}
	(void)close(fds[1]);
	if (k->sampler < 0) {
		(void)close(fds[0]);
		return false;
	}
	k->down = fds[0];
	return true;
}

/* False: it found no library, nor did any before it: one that there was may come back, as with a
 * driver. One that hangs in the kernel ends when that lets it. */
static bool reap_sampler(struct keeper *k)
{
	int status;

	if (waitpid(k->sampler, &status, WNOHANG) != k->sampler)
		return true;
	k->sampler = 0;
	return k->told || !WIFEXITED(status) || WEXITSTATUS(status) != 3;
}

static bool tell(struct keeper *k)
{
	k->last.stuck_sec = k->stuck;
	return send(k->up, &k->last, sizeof(k->last), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
	       errno == EAGAIN;
}

/* What the sampler has said; false: it has ended, or says nothing more. */
static bool take_report(struct keeper *k)
{
	return recv(k->down, &k->last, sizeof(k->last), 0) == (ssize_t)sizeof(k->last);
}

static void drop_sampler(struct keeper *k)
{
	if (k->sampler > 0)
		(void)kill(k->sampler, SIGKILL);
	if (k->down >= 0)
		(void)close(k->down);
	k->down = -1;
}

static _Noreturn void run_keeper(struct keeper *k)
{
	for (;;) {
		int msec = (int)k->patience_sec * 1000;
		struct pollfd fds[2] = {{.fd = k->up}, {.fd = k->down, .events = POLLIN}};
		int n;

		if (k->sampler > 0 && k->down < 0 && !reap_sampler(k))
			_exit(0);
		if (k->sampler == 0 && !start_sampler(k))
			_exit(0);
		fds[1].fd = k->down;
		n = poll(fds, 2, k->down < 0 ? ANEW_MSEC : msec);
		if (fds[0].revents & (POLLHUP | POLLERR)) {
			drop_sampler(k);
			_exit(0);
		}
		if (n > 0 && take_report(k)) {
			k->stuck = 0;
			k->told = true;
		} else if (n > 0) { /* it has ended: why is seen when it is reaped */
			drop_sampler(k);
			(void)poll(fds, 1, ANEW_MSEC);
			k->stuck += ANEW_MSEC / 1000;
		} else {
			k->stuck += k->down < 0 ? ANEW_MSEC / 1000 : k->patience_sec;
			drop_sampler(k);
		}
		if (k->told && !tell(k))
			_exit(0);
	}
}

int gpus_fork(const char *library, unsigned every_sec, unsigned patience_sec, int *ret_fd)
{
	struct keeper k = {.library = library,
		.every_sec = every_sec,
		.patience_sec = patience_sec,
		.down = -1};
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		(void)close(fds[0]);
		(void)close(fds[1]);
		return r;
	}
	if (pid == 0) {
		/* Of what the service holds, and its supervisor's sockets, only words stay. */
		if (dup2(fds[1], STDIN_FILENO) < 0)
			_exit(1);
		(void)close_range(STDERR_FILENO + 1, ~0u, 0);
		(void)signal(SIGCHLD, SIG_DFL);
		(void)signal(SIGTERM, SIG_DFL);
		k.up = STDIN_FILENO;
		run_keeper(&k);
	}
	(void)close(fds[1]);
	*ret_fd = fds[0];
	return 0;
}

/* --- who listens --- */

/* What a driver calls a card is shown to people, and is in logs. */
static void make_printable(char text[static GPUS_TEXT_MAX + 1])
{
	text[GPUS_TEXT_MAX] = '\0';
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

int gpus_read(const void *bytes, size_t n, struct gpus_report *ret)
{
	if (n != sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, bytes, sizeof(*ret));
	if (ret->n > GPUS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < ret->n; i++) {
		make_printable(ret->list[i].name);
		make_printable(ret->list[i].uuid);
	}
	return 0;
}

static void on_report(int fd, uint32_t events, void *data)
{
	struct gpus *g = data;
	struct gpus_report fresh;
	char bytes[sizeof(fresh)];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || gpus_read(bytes, (size_t)n, &fresh) < 0) {
		if (g->told)
			log_warn("NVIDIA's library is not heard any more");
		g->last.stuck_sec = GPUS_OVER;
		g->source = source_free(g->source);
		return;
	}
	if (!g->told)
		log_info("NVIDIA's library tells of %u GPUs", fresh.n);
	if (fresh.stuck_sec > 0 && g->last.stuck_sec == 0)
		log_warn("NVIDIA's library does not answer");
	g->last = fresh;
	g->told = true;
}

int gpus_new(struct loop *loop, int fd, struct gpus **ret)
{
	struct gpus *g = calloc(1, sizeof(*g));
	int r;

	if (!g) {
		(void)close(fd);
		return -ENOMEM;
	}
	g->fd = fd;
	r = loop_add_fd(loop, fd, EPOLLIN, on_report, g, &g->source);
	if (r < 0)
		g = gpus_free(g);
	*ret = g;
	return r;
}

struct gpus *gpus_free(struct gpus *g)
{
	if (!g)
		return NULL;
	(void)source_free(g->source);
	(void)close(g->fd);
	free(g);
	return NULL;
}

const struct gpus_report *gpus_look(const struct gpus *g)
{
	return g && g->told ? &g->last : NULL;
}

static size_t __attribute__((format(printf, 4, 5)))
add(char *ret, size_t max, size_t at, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(ret + at, max - at, format, list);
	va_end(list);
	return n < 0 || (size_t)n >= max - at ? max - 1 : at + (size_t)n;
}

void gpu_words(const struct gpu *g, char *ret, size_t max)
{
	size_t at = add(ret, max, 0, "%s", g->name[0] ? g->name : "a GPU without a name");

	if (g->memory_total != UINT64_MAX)
		at = add(ret, max, at, ", %llu of %llu MiB used by all programs",
			(unsigned long long)(g->memory_used >> 20),
			(unsigned long long)(g->memory_total >> 20));
	if (g->percent != UINT32_MAX)
		at = add(ret, max, at, ", %u %% in use", g->percent);
	if (g->celsius != UINT32_MAX)
		(void)add(ret, max, at, ", %u °C", g->celsius);
}

void gpu_warning(const struct gpu *g, uint32_t stuck_sec, char *ret, size_t max)
{
	size_t at = 0;

	ret[0] = '\0';
	if (stuck_sec == GPUS_OVER)
		at = add(ret, max, at, "NVIDIA's library is not heard any more");
	else if (stuck_sec > 0)
		at = add(ret, max, at, "NVIDIA's library has not answered for %u s", stuck_sec);
	if (g->lost)
		at = add(ret, max, at, "%sit does not answer its driver", at ? ", " : "");
	if (g->uncorrected != UINT64_MAX && g->uncorrected > 0)
		at = add(ret, max, at, "%s%llu uncorrected memory errors", at ? ", " : "",
			(unsigned long long)g->uncorrected);
	if (g->xid)
		(void)add(ret, max, at, "%sthe driver reported Xid %u", at ? ", " : "", g->xid);
}
