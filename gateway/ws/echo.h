/*
 * The WebSocket of /-/probe/ws, with which a page finds out whether one gets through: says back
 * what it hears, little and not for long. Only for the files of gateway/ws/.
 */
#pragma once

#include <libwebsockets.h>

#include "gateway/gateway.h"
#include "gateway/limits.h"

/* What a socket is for: first in what the library keeps for each. */
enum ws_kind { WS_PAGE, WS_ECHO };

struct ws_echo;

/* Counts for address until the library says that it is gone. NULL: out of memory. */
struct ws_echo *ws_echo_new(struct gateway *g, struct address *address);

/* What the library calls back with; its result goes back to it. */
int ws_echo_on(struct ws_echo *s, struct lws *wsi, enum lws_callback_reasons reason,
	const void *bytes, size_t n);
