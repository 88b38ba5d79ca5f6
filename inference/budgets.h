/*
 * How much of each device's memory models and texts may take: what the operator said (--device
 * NAME=MIB), or all but a reserve. Refused beforehand, never found out by the kernel.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "inference/devices/device.h"
#include "inference/devices/rack.h"

struct budgets {
	struct said {
		char name[RACK_NAME_MAX + 1];
		uint64_t bytes;
	} said[RACK_MAX];
	size_t n;
	uint64_t host; /* bytes that this process may have at all; 0: not looked up yet */
};

/* "NAME=MIB". -EINVAL with words. */
int budgets_read(struct budgets *b, const char *text, struct err *e);

/* What the machine, or its control group where that is less, has for this process. Before the
 * confinement, which hides both. */
void budgets_look(struct budgets *b);

struct budget {
	uint64_t weights, texts; /* bytes; their sum is what the device may take */
};

/* weights: what they may take whatever is said of the device; 0: no such word. -ENOSPC with words:
 * more was said than the device has. */
int budget_of(const struct budgets *b, struct device *d, uint64_t weights, struct budget *ret,
	struct err *e);
