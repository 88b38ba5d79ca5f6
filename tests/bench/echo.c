/*
 * The peer of `click`: the least that libwebsockets can do. One service thread, no extension, each
 * message goes back as it came. Prints its port, ends on SIGTERM.
 */
#include <libwebsockets.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ECHO_MAX 65536

struct connection {
	size_t length;
	unsigned char bytes[LWS_PRE + ECHO_MAX];
};

static volatile sig_atomic_t ended;

static void on_term(int signo)
{
	(void)signo;
	ended = 1;
}

static int on_event(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct connection *c = user;

	switch (reason) {
	case LWS_CALLBACK_RECEIVE:
		if (len > ECHO_MAX)
			return -1;
		memcpy(c->bytes + LWS_PRE, in, len);
		c->length = len;
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return lws_write(wsi, c->bytes + LWS_PRE, c->length, LWS_WRITE_BINARY) < 0 ? -1 : 0;
	default:
		return 0;
	}
}

int main(void)
{
	static const struct lws_protocols protocols[] = {
		{"echo", on_event, sizeof(struct connection), ECHO_MAX, 0, NULL, 0}, {0}};
	struct lws_context_creation_info info = {
		.port = 0, .iface = "127.0.0.1", .protocols = protocols};
	struct lws_context *context;
	struct lws_vhost *host;

	(void)signal(SIGTERM, on_term);
	lws_set_log_level(LLL_ERR, NULL);
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	context = lws_create_context(&info);
	host = context ? lws_create_vhost(context, &info) : NULL;
	if (!host) {
		fprintf(stderr, "bench_echo: cannot start\n");
		return 1;
	}
	printf("%d\n", lws_get_vhost_listen_port(host));
	fflush(stdout);
	while (!ended)
		(void)lws_service(context, 0);
	lws_context_destroy(context);
	return 0;
}
