#include "sandbox/probe/attack.h"

#include <stddef.h>
#include <string.h>

#include "sandbox/probe/call.h"

static const struct attack attacks[] = {
#define ATTACK(number, name, sealed, start) {#name, attack_##name},
#include "sandbox/probe/attacks.def"
};

const struct attack *attack_find(const char *name)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (strcmp(attacks[i].name, name) == 0)
			return &attacks[i];
	return NULL;
}

long attack_run(const struct attack *attack)
{
	memset(probe_page, 0, sizeof(probe_page));
	return attack->run();
}
