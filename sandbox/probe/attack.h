/* The attacks by name. Each returns a result >= 0 or a negative errno, when it lives to do so. */
#pragma once

struct attack {
	const char *name;
	long (*run)(void);
};

/* NULL: there is none of that name. */
const struct attack *attack_find(const char *name);
