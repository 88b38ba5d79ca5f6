/*
 * What calls wait for: asked of the engine twice a second while there are calls, put into words
 * that anybody may read, and told to the gateway where it has changed (models.WAITS).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "inference/engine/engine.h"

struct call;
struct service;

/* False: it does not wait. words: of 256 bytes. After engine_rank. */
bool call_waits(const struct call *c, struct wait *ret, char *words, size_t max);

/* There are calls: they are looked at soon, and as long as there are some. */
void waits_begin(struct service *s);
/* The timer's. */
void waits_look(void *service);
/* Sends what was gathered. */
void waits_send(struct service *s);

/* It has ended: whoever was told that it waits is told so with the next rows. */
void call_wait_over(struct call *c);
