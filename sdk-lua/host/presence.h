/*
 * Whether the visitor's page is there, as the gateway says: what depends on it starts and ends
 * here. Ticks need a page; handlers with on_leave = "cancel" end when the visitor has left, and the
 * page's unload handler runs then.
 */
#pragma once

#include "sdk-lua/host/inside.h"

/* app.PRESENCE. -EPROTO: an op that is not known. */
int presence_take(struct worker *w, const struct frame *f, struct err *e);

/* Starts what the session itself has to run and can now. */
void presence_pump(struct session *s);

/* An event of a visitor who has left ends at once where its handler wants that. */
void presence_check(struct session *s, const struct handler *h, uint32_t n);
