#include "orchestrator/peers/told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"

static struct {
	const char *prefix;
	char *text; /* owned */
	uint64_t usec;
} tellers[TELLERS] = {
	[TOLD_GATEWAY] = {.prefix = "vitrine_gateway_"},
	[TOLD_AGENT] = {.prefix = "vitrine_agent_"},
	[TOLD_INFERENCE] = {.prefix = "vitrine_inference_"},
};

int told_take(enum teller who, const uint8_t *text, size_t n, struct err *e)
{
	char *copy;
	int r = metrics_check((const char *)text, n, tellers[who].prefix, e);

	if (r < 0)
		return r;
	copy = strndup(n ? (const char *)text : "", n);
	if (!copy)
		return -ENOMEM;
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

void told_done(void)
{
	for (size_t i = 0; i < TELLERS; i++) {
		free(tellers[i].text);
		tellers[i].text = NULL;
	}
}
