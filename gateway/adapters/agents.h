/*
 * agents.md of a Space: one Markdown page that tells a program (or who writes one) what the Space
 * does, its functions, and how to call them. Pure.
 */
#pragma once

#include "base/buf.h"
#include "gateway/adapters/about.h"

/* -ENOSPC at b's ceiling, -ENOMEM. */
int agents_write(struct buf *b, const struct about *about);

/*
 * An object of arguments for a function that shows how they look: its defaults, first choices and
 * plain values of the right type. NULL: out of memory.
 */
json_t *agents_example(const json_t *function);
