/* The attacks by name. Each returns a result >= 0 or a negative errno, when it lives to do so. */
#pragma once

struct attack {
	const char *name;
	long (*run)(void); /* by attack_run */
};

/* NULL: there is none of that name. */
const struct attack *attack_find(const char *name);

/* Its result, with probe_page (call.h) all zeros before. */
long attack_run(const struct attack *attack);

/* One function for each line of attacks.def; they stand in the attack_*.c of their subject. */
#define ATTACK(number, name, sealed, start) long attack_##name(void);
#include "sandbox/probe/attacks.def"
