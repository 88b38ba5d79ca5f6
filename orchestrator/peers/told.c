#include "orchestrator/peers/told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/tell.h"

static struct {
	const char *name, *prefix;
	char *text;        /* owned */
	const char *lines; /* in text, behind its NUL */
	uint64_t usec;
} tellers[TELLERS] = {
	[TOLD_GATEWAY] = {.name = "gateway", .prefix = "vitrine_gateway_"},
	[TOLD_AGENT] = {.name = "agent", .prefix = "vitrine_agent_"},
	[TOLD_TLS] = {.name = "tls", .prefix = "vitrine_tls_"},
	[TOLD_INFERENCE] = {.name = "inference", .prefix = "vitrine_inference_"},
};

int told_take(enum teller who, const uint8_t *text, size_t n, struct err *e)
{
	char *copy;
	int r = tell_check((const char *)text, n, tellers[who].prefix, e);

	if (r < 0)
		return r;
	copy = malloc(n + 1);
	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, text, n);
	copy[n] = '\0';
	/* One that has just come back has forgotten what its predecessor warned of, and so may we.
	 */
	tellers[who].lines = copy + strlen(copy) + (strlen(copy) < n);
	free(tellers[who].text);
	tellers[who].text = copy;
	tellers[who].usec = clock_mono_usec();
	return 0;
}

const char *told_text(enum teller who)
{
	if (!tellers[who].text || clock_mono_usec() - tellers[who].usec > TOLD_FRESH_USEC)
		return "";
	return tellers[who].text;
}

const char *told_lines(enum teller who)
{
	return tellers[who].text ? tellers[who].lines : "";
}

const char *teller_name(enum teller who)
{
	return tellers[who].name;
}

void told_done(void)
{
	for (size_t i = 0; i < TELLERS; i++) {
		free(tellers[i].text);
		tellers[i].text = NULL;
	}
}
