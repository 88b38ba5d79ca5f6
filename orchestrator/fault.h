/*
 * Places where a test may end this process as kill -9 would. In an ordinary build nothing is left
 * of them; built with VITRINE_FAULTS, the one that the environment variable VITRINE_FAULT names
 * is deadly.
 */
#pragma once

#ifdef VITRINE_FAULTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static inline void fault_point(const char *name)
{
	const char *wanted = getenv("VITRINE_FAULT");

	if (wanted && !strcmp(wanted, name))
		(void)raise(SIGKILL);
}
#else
static inline void fault_point(const char *name)
{
	(void)name;
}
#endif
