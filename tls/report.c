#include "tls/report.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tell.h"
#include "proto/proxy.h"
#include "tls/metrics.h"

#define REPORT_USEC (2 * USEC_PER_SEC)

struct report {
	struct streams *streams; /* borrowed */
	struct source *timer;    /* owned */
};

static void fill_gauges(const struct streams *all)
{
	size_t n;
	int64_t end = shelf_first_end(all->shelf, &n);

	tls_gauge(TLS_CONNECTIONS, all->open);
	tls_gauge(TLS_SHAKING, all->shaking);
	tls_gauge(TLS_CERTIFICATES, n);
	tls_gauge(TLS_EARLIEST, (uint64_t)end);
}

/* All of it fits the socket's room, or the gateway has more to do than to count. */
static void deliver(const struct streams *all, const struct buf *text)
{
	CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 &&
		connect(fd, (const struct sockaddr *)&all->gateway, sizeof(all->gateway)) == 0)
		(void)send(fd, text->data, text->len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_timer(void *data)
{
	struct report *r = data;
	CLEANUP(buf_done) struct buf text;
	uint8_t head[PROXY_HEADER_MAX];

	timer_arm_after(r->timer, REPORT_USEC);
	buf_init(&text, PROXY_REPORT_MAX);
	fill_gauges(r->streams);
	if (buf_add(&text, head, (size_t)proxy_report_write(head)) == 0 &&
		tell_write(tls_metrics, TLS_METRICS_N, "vitrine_tls_", &text) == 0)
		deliver(r->streams, &text);
}

int report_new(struct streams *streams, struct report **ret)
{
	CLEANUP(report_freep) struct report *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return -ENOMEM;
	r->streams = streams;
	code = loop_add_timer(streams->loop, on_timer, r, &r->timer);
	if (code < 0)
		return code;
	timer_arm_after(r->timer, REPORT_USEC);
	*ret = TAKE_PTR(r);
	return 0;
}

struct report *report_free(struct report *r)
{
	if (!r)
		return NULL;
	(void)source_free(r->timer);
	free(r);
	return NULL;
}
