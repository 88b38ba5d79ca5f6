#include "agent/slot.h"

#include <assert.h>
#include <unistd.h>

#include "agent/job.h"
#include "agent/settings.h"
#include "base/log.h"

#define TO(s) (1u << (s))

static const struct {
	const char *name;
	unsigned int allowed; /* states it may move to */
} states[SLOT_STATES] = {
	[SLOT_FREE] = {"free", TO(SLOT_SPAWNING) | TO(SLOT_ENDING)},
	[SLOT_SPAWNING] = {"spawning", TO(SLOT_BLANK) | TO(SLOT_ENDING) | TO(SLOT_FREE)},
	[SLOT_BLANK] = {"blank",
		TO(SLOT_CHECKING) | TO(SLOT_RUNNING) | TO(SLOT_ENDING) | TO(SLOT_FREE)},
	[SLOT_CHECKING] = {"checking", TO(SLOT_ENDING) | TO(SLOT_FREE)},
	[SLOT_RUNNING] = {"running", TO(SLOT_ENDING) | TO(SLOT_FREE)},
	[SLOT_ENDING] = {"ending", TO(SLOT_FREE)},
};

const char *slot_state_name(enum slot_state s)
{
	return states[s].name;
}

void slot_set_state(struct slot *s, enum slot_state to)
{
	assert(states[s->state].allowed & TO(to));
	log_debug("slot=%u space=%s %s -> %s", s->number, s->space, states[s->state].name,
		states[to].name);
	s->state = to;
}

void slot_drop_hello(struct slot *s)
{
	if (s->hello)
		app_hello_done(s->hello);
	free(s->hello);
	s->hello = NULL;
}

void slot_reset(struct slot *s)
{
	s->app = link_free(s->app);
	if (s->app_fd >= 0)
		close(s->app_fd);
	s->app_fd = -1;
	s->log = app_log_free(s->log);
	s->deadline = source_free(s->deadline);
	s->job = job_free(s->job);
	s->settings = settings_unref(s->settings);
	slot_drop_hello(s);
	buf_done(&s->output);
	s->space[0] = s->bundle[0] = s->replica[0] = '\0';
	s->epoch = 0;
	s->pid = 0;
	s->asked_to_end = false;
	s->fault[0] = '\0';
	s->served = false;
	s->refill = false;
	slot_set_state(s, SLOT_FREE);
}
