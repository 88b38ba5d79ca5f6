#include "tests/bench/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"

#define MESSAGE_MAX (16u << 20)
#define OPCODE_BINARY 2
#define OPCODE_CLOSE 8

int ws_start(struct web_socket *s, int port, const char *path, const char *cookie,
	uint64_t *ret_usec, struct err *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	/* Who begins very many sessions from one address is slowed down: so each 200 have another.
	 */
	static uint32_t started;
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + started++ / 200)};
	CLEANUP(buf_done) struct buf request;
	int one = 1, r;

	buf_init(&s->in, MESSAGE_MAX);
	s->taken = 0;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
		connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_set(e, -errno, "connect to port %d: %s", port, strerror(errno));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

	buf_init(&request, 16384);
	r = buf_addf(&request,
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: "
		"http://127.0.0.1:%d\r\n%s%s%s\r\n",
		path, port, port, *cookie ? "Cookie: " : "", cookie, *cookie ? "\r\n" : "");
	if (ret_usec)
		*ret_usec = clock_mono_usec();
	if (r == 0)
		r = fs_write_all(s->fd, request.data, request.len);
	return r < 0 ? err_set(e, r, "cannot send the upgrade request: %s", strerror(-r)) : 0;
}

static int receive(struct web_socket *s, bool wait)
{
	ssize_t n;
	int r = buf_reserve(&s->in, 65536);

	if (r < 0)
		return r;
	n = recv(s->fd, s->in.data + s->in.len, 65536, wait ? 0 : MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	s->in.len += (size_t)n;
	s->in.data[s->in.len] = '\0';
	return 1;
}

int ws_finish(struct web_socket *s, struct err *e)
{
	const char *end;

	while (!(end = strstr(buf_str(&s->in), "\r\n\r\n"))) {
		if (s->in.len > 65536 || receive(s, true) < 0)
			return err_set(
				e, -EPROTO, "no answer to the upgrade: %.100s", buf_str(&s->in));
	}
	if (strncmp(buf_str(&s->in), "HTTP/1.1 101", 12) != 0)
		return err_set(e, -EPROTO, "no upgrade: %.100s", buf_str(&s->in));
	buf_consume(&s->in, (size_t)(end + 4 - buf_str(&s->in)));
	return 0;
}

void ws_done(struct web_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	buf_done(&s->in);
}

int ws_send(struct web_socket *s, const void *bytes, size_t n)
{
	/* RFC 6455, 5.3: a client masks; an all-zero mask is one, and costs nothing. */
	uint8_t head[14] = {0x80 | OPCODE_BINARY};
	CLEANUP(buf_done) struct buf out;
	size_t len = 2;
	int r;

	if (n < 126) {
		head[1] = (uint8_t)(0x80 | n);
	} else if (n < 65536) {
		head[1] = 0x80 | 126;
		head[2] = (uint8_t)(n >> 8);
		head[3] = (uint8_t)n;
		len = 4;
	} else {
		head[1] = 0x80 | 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (uint8_t)(n >> (56 - 8 * i));
		len = 10;
	}
	buf_init(&out, n + sizeof(head));
	r = buf_add(&out, head, len + 4);
	if (r == 0)
		r = buf_add(&out, bytes, n);
	return r < 0 ? r : fs_write_all(s->fd, out.data, out.len);
}

/* Length of the message head at p, 0 when it is not whole yet. */
static size_t parse_head(const uint8_t *p, size_t have, size_t *ret_len)
{
	if (have < 2)
		return 0;
	*ret_len = p[1] & 0x7f;
	if (*ret_len < 126)
		return 2;
	if (*ret_len == 126) {
		if (have < 4)
			return 0;
		*ret_len = (size_t)p[2] << 8 | p[3];
		return 4;
	}
	if (have < 10)
		return 0;
	*ret_len = 0;
	for (int i = 0; i < 8; i++)
		*ret_len = *ret_len << 8 | p[2 + i];
	return 10;
}

int ws_next(struct web_socket *s, bool wait, const uint8_t **ret, size_t *ret_len)
{
	buf_consume(&s->in, s->taken);
	s->taken = 0;
	for (;;) {
		size_t len = 0, head = parse_head(s->in.data, s->in.len, &len);
		int r;

		if (head > 0 && len > MESSAGE_MAX - 16)
			return -EMSGSIZE;
		if (head > 0 && s->in.len - head >= len) {
			int opcode = s->in.data[0] & 0x0f;

			s->taken = head + len;
			if (opcode == OPCODE_CLOSE)
				return -ECONNRESET;
			if (opcode != OPCODE_BINARY) {
				buf_consume(&s->in, s->taken); /* a ping: nothing to measure */
				s->taken = 0;
				continue;
			}
			*ret = s->in.data + head;
			*ret_len = len;
			return 1;
		}
		r = receive(s, wait);
		if (r <= 0)
			return r;
	}
}
