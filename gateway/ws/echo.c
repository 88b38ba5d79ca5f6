#include "gateway/ws/echo.h"

#include <stdlib.h>
#include <string.h>

#define ECHO_BYTES 256 /* of one message */
#define ECHOES_MAX 64
#define ECHO_SEC 60

struct ws_echo {
	enum ws_kind kind;
	struct gateway *gateway;
	struct address *address;
	size_t n;
	unsigned count;
	bool waiting; /* something is to be said */
	uint8_t bytes[LWS_PRE + ECHO_BYTES];
};

struct ws_echo *ws_echo_new(struct gateway *g, struct address *address)
{
	struct ws_echo *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct ws_echo){.kind = WS_ECHO, .gateway = g, .address = address};
	return s;
}

static int receive(struct ws_echo *s, struct lws *wsi, const void *bytes, size_t n)
{
	if (s->waiting || n > ECHO_BYTES || ++s->count > ECHOES_MAX ||
		!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return -1;
	memcpy(s->bytes + LWS_PRE, bytes, n);
	s->n = n;
	s->waiting = true;
	lws_callback_on_writable(wsi);
	return 0;
}

int ws_echo_on(struct ws_echo *s, struct lws *wsi, enum lws_callback_reasons reason,
	const void *bytes, size_t n)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, ECHO_SEC);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return receive(s, wsi, bytes, n);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (!s->waiting)
			return 0;
		s->waiting = false;
		return lws_write(wsi, s->bytes + LWS_PRE, s->n, LWS_WRITE_BINARY) < (int)s->n ? -1
											      : 0;
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		limits_leave(s->gateway->limits, s->address);
		free(s);
		return 0;
	case LWS_CALLBACK_HTTP:
		return -1; /* only upgrades are sent here */
	default:
		return 0;
	}
}
