#include "gateway/tls_report.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "gateway/edge.h"
#include "proto/proxy.h"

/* It came with one send, so all of it is here, or there is no report. */
void tls_report_take(struct gateway *g, int fd)
{
	static uint8_t bytes[PROXY_REPORT_MAX];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct buf text;

	close(fd);
	if (n <= PROXY_REPORT_HEAD)
		return;
	buf_init(&text, PROXY_REPORT_MAX);
	if (buf_add(&text, bytes + PROXY_REPORT_HEAD, (size_t)n - PROXY_REPORT_HEAD) == 0)
		edge_tls_metrics(g->edge, &text);
	buf_done(&text);
}
