/*
 * How a request of an app ended without an answer: as app and operator are told. Knows no link.
 */
#pragma once

#include "base/err.h"

struct verdict {
	const char *code; /* as in fetch.FAILED; static */
	const char *rule; /* that it met, likewise; NULL: none */
	struct err words; /* for people */
};

/* Fills it; returns -EPERM. */
int verdict_set(struct verdict *v, const char *code, const char *rule, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
