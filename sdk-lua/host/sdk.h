/* The SDK's Lua modules inside the program; made by embed.c. Stripped in the worker, with their
 * lines in test builds. */
#pragma once

#include <stddef.h>

struct sdk_module {
	const char *name;          /* "vitrine.ui" */
	const unsigned char *code; /* a binary chunk of the very Lua this is linked with */
	size_t length;
};

extern const struct sdk_module sdk_modules[];
extern const size_t sdk_n_modules;
