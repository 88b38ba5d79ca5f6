#include "orchestrator/repo/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/log.h"
#include "orchestrator/hook/hook.h"

#define LINE_MAX_BYTES 1024

/*
 *	        'H'           'E'              answer
 *	 IDLE ------> READING -----> ANSWERING ------> IDLE
 *	                 | 'R'
 *	                 +----+
 */
enum hooks_state { HOOKS_IDLE, HOOKS_READING, HOOKS_ANSWERING };

struct hooks {
	int fd;                /* owned */
	struct source *source; /* owned */
	hooks_fn fn;
	void *data;
	enum hooks_state state;
	bool post;
	char quarantine[4096];
	struct buf input;
	struct ref_update *updates; /* owned while answering */
};

int hooks_install(const char *dir, const char *program, struct err *e)
{
	static const char *const names[] = {"pre-receive", "post-receive"};
	int r;

	if (access(program, X_OK) < 0)
		return err_set(e, -errno, "cannot run %s: %s", program, strerror(errno));
	r = fs_mkdirs(dir, 0700, e);
	for (size_t i = 0; r == 0 && i < 2; i++) {
		char path[4096], temp[4096];

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)snprintf(temp, sizeof(temp), "%s/.%s", dir, names[i]);
		(void)unlink(temp);
		if (symlink(program, temp) < 0 || rename(temp, path) < 0)
			r = err_set(e, -errno, "cannot make %s: %s", path, strerror(errno));
	}
	return r;
}

/* --- input --- */

static int start_call(struct hooks *h, const char *text, size_t n)
{
	const char *end = memchr(text, '\0', n);
	const char *quarantine = end ? end + 1 : NULL;

	if (h->state != HOOKS_IDLE || !quarantine ||
		!memchr(quarantine, '\0', n - (size_t)(quarantine - text)))
		return -EPROTO;
	if (strcmp(text, "pre-receive") != 0 && strcmp(text, "post-receive") != 0)
		return -EPROTO;
	h->post = *text == 'p' && text[1] == 'o';
	if (snprintf(h->quarantine, sizeof(h->quarantine), "%s", quarantine) >=
		(int)sizeof(h->quarantine))
		return -ENAMETOOLONG;
	buf_clear(&h->input);
	h->state = HOOKS_READING;
	return 0;
}

static bool is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") >= 40 && text[40] == ' ';
}

/* "OLD NEW REF\n" */
static int parse_line(const char *line, size_t n, struct ref_update *ret)
{
	if (n < 83 || n - 82 >= sizeof(ret->ref) || !is_id(line) || !is_id(line + 41))
		return -EPROTO;
	(void)snprintf(ret->old_id, sizeof(ret->old_id), "%.40s", line);
	(void)snprintf(ret->new_id, sizeof(ret->new_id), "%.40s", line + 41);
	(void)snprintf(ret->ref, sizeof(ret->ref), "%.*s", (int)(n - 82), line + 82);
	return 0;
}

static int parse_updates(struct hooks *h, size_t *ret_n)
{
	const char *text = buf_str(&h->input), *end;
	size_t n = 0;

	h->updates = calloc(HOOKS_UPDATES_MAX, sizeof(*h->updates));
	if (!h->updates)
		return -ENOMEM;
	for (; *text; text = end + 1) {
		int r;

		end = strchr(text, '\n');
		if (!end)
			return -EPROTO;
		if (n == HOOKS_UPDATES_MAX)
			return -E2BIG;
		r = parse_line(text, (size_t)(end - text), &h->updates[n++]);
		if (r < 0)
			return r;
	}
	*ret_n = n;
	return 0;
}

static int end_input(struct hooks *h)
{
	struct hook_call call = {
		.post = h->post, .quarantine = *h->quarantine ? h->quarantine : NULL};
	int r;

	if (h->state != HOOKS_READING)
		return -EPROTO;
	h->state = HOOKS_ANSWERING;
	r = parse_updates(h, &call.n);
	if (r == -E2BIG || r == -EPROTO) {
		hooks_say(h, r == -E2BIG ? "vitrine: more than 1000 refs in one push"
					 : "vitrine: a ref's name is over the limit of 255 bytes");
		hooks_answer(h, 1);
		return 0;
	}
	if (r < 0)
		return r;
	call.updates = h->updates;
	h->fn(&call, h->data);
	return 0;
}

static int take_packet(struct hooks *h, const char *bytes, size_t n)
{
	switch (bytes[0]) {
	case 'H':
		return start_call(h, bytes + 1, n - 1);
	case 'R':
		if (h->state != HOOKS_READING)
			return -EPROTO;
		return buf_add(&h->input, bytes + 1, n - 1);
	case 'E':
		return end_input(h);
	default:
		return -EPROTO;
	}
}

static void on_ready(int fd, uint32_t events, void *data)
{
	static char bytes[HOOK_PACKET_MAX]; /* single-threaded */
	struct hooks *h = data;
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	r = n > 0 ? take_packet(h, bytes, (size_t)n) : -EPIPE;
	if (r == 0)
		return;
	/* All holders are gone, or one of them speaks nonsense: a hook that waits sees the end. */
	if (r != -EPIPE)
		log_warn("a hook was refused: %s", strerror(-r));
	h->source = source_free(h->source);
	(void)shutdown(h->fd, SHUT_RDWR);
}

/* --- life --- */

int hooks_new(struct loop *loop, hooks_fn fn, void *data, struct hooks **ret, int *ret_fd)
{
	struct hooks *h = calloc(1, sizeof(*h));
	int pair[2], r;

	if (!h)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		free(h);
		return r;
	}
	*h = (struct hooks){.fd = pair[0], .fn = fn, .data = data};
	buf_init(&h->input, HOOK_INPUT_MAX);
	r = loop_add_fd(loop, h->fd, EPOLLIN, on_ready, h, &h->source);
	if (r < 0) {
		close(pair[1]);
		(void)hooks_free(h);
		return r;
	}
	*ret = h;
	*ret_fd = pair[1];
	return 0;
}

struct hooks *hooks_free(struct hooks *h)
{
	if (!h)
		return NULL;
	h->source = source_free(h->source);
	close(h->fd);
	buf_done(&h->input);
	free(h->updates);
	free(h);
	return NULL;
}

void hooks_say(struct hooks *h, const char *line)
{
	char packet[LINE_MAX_BYTES + 1];
	int n = snprintf(packet, sizeof(packet), "L%s", line);

	if (n >= (int)sizeof(packet))
		n = (int)sizeof(packet) - 1;
	for (int i = 1; i < n; i++)
		if ((unsigned char)packet[i] < 0x20 || packet[i] == 0x7f)
			packet[i] = '?';
	/* A hook that does not read loses lines, never the answer's meaning: it then finds the end.
	 */
	(void)send(h->fd, packet, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void hooks_answer(struct hooks *h, int code)
{
	const char packet[2] = {'X', (char)code};

	h->state = HOOKS_IDLE;
	free(h->updates);
	h->updates = NULL;
	if (send(h->fd, packet, sizeof(packet), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		(void)shutdown(h->fd, SHUT_RDWR);
}
