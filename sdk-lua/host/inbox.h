/*
 * What the gateway says to sessions. Negative with words: the link ends; what only concerns one
 * event is refused in a group of its own instead.
 */
#pragma once

#include "sdk-lua/host/inside.h"

int inbox_open(struct worker *w, const struct frame *f, struct err *e);
int inbox_grant(struct worker *w, const struct frame *f, struct err *e);
int inbox_value(struct worker *w, const struct frame *f, struct err *e);
int inbox_event(struct worker *w, const struct frame *f, struct err *e);
int inbox_call(struct worker *w, const struct frame *f, struct err *e);
int inbox_cancel(struct worker *w, const struct frame *f, struct err *e);
int inbox_close(struct worker *w, const struct frame *f, struct err *e);
int inbox_ack(struct worker *w, const struct frame *f, struct err *e);
int inbox_resume(struct worker *w, const struct frame *f, struct err *e);
