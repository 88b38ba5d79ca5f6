/*
 * Calls to the platform's services (store, fetch): out over the app link, and the handler waits for
 * what comes back. A handler has at most one under way; it ends with the handler. A gateway that
 * took over is sent it again.
 */
#pragma once

#include "sdk-lua/host/inside.h"

struct service_call {
	uint32_t id, channel, n;
	bool answered;
	uint8_t op;        /* of HOST_RESULT */
	struct buf sent;   /* value of HOST_CALL; empty once it is answered */
	struct buf answer; /* value of HOST_RESULT */
};

/* ask(service, operation, arguments, raw) -> true, value, bytes; or false, code, words. Waits. raw:
 * bytes that follow the arguments, or nil. [-4, +n, v] */
int service_host_ask(lua_State *L);

/* app.HOST_RESULT. One that nobody waits for is ignored. */
int service_take(struct worker *w, const struct frame *f, struct err *e);

/* Sends again what waits for an answer. */
void service_resend(struct worker *w);

/* The handler ends: whoever serves it is told to stop. */
void service_free(struct task *t);
