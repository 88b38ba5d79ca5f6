#include "agent/ends.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/app_link.h"
#include "agent/boxes.h"
#include "agent/metrics.h"
#include "agent/peers.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/messages.h"

static void describe_end(
	const struct slot *s, int status, const char *why, char *words, size_t size)
{
	/* Who was asked to end for a fault may have ended by itself a moment before. */
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (s->asked_to_end && !s->fault[0])
		(void)snprintf(words, size, "stopped");
	else if (why && *why)
		(void)snprintf(words, size, "%s", why);
	else if (s->fault[0] && killed)
		(void)snprintf(words, size, "%s", s->fault);
	else if (WIFSIGNALED(status))
		(void)snprintf(words, size, "ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		(void)snprintf(words, size, "exited with status %d", WEXITSTATUS(status));
}

/* Counts it and tells the owner, also how long visitors have to wait. Returns that in µs. */
static uint64_t note_crash(struct slot *s, const char *words)
{
	struct backoff *b = s->node->backoff;
	uint64_t now = clock_mono_usec(), left;

	agent_count(AGENT_CRASHED, 1);
	backoff_died(b, s->space, s->bundle, now - s->started_usec, now);
	left = backoff_left(b, s->space, s->bundle, now);
	if (left == 0)
		box_note(s, "the worker ended: %s", words);
	else
		box_note(s,
			"the worker ended: %s. It keeps crashing, so the next start is not before "
			"%llu s from now",
			words, (unsigned long long)(left / USEC_PER_SEC));
	return left;
}

/* What the orchestrator is told of a worker's end. */
static void report_end(struct slot *s, int status, const char *words, bool crash, uint64_t left)
{
	const struct agent_worker m = {.phase = "exited",
		.reason = words,
		.cause = s->fault[0]       ? "killed"
			 : crash           ? "crashed"
			 : s->asked_to_end ? "asleep"
					   : "lost",
		.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
		.retry_ms = (int64_t)(left / USEC_PER_MSEC)};

	peers_worker_phase(s->node->peers, s, &m);
}

/* crash: by itself or for a fault, as far as the Space is concerned. */
void box_ended(struct slot *s, int status, const char *why, bool crash)
{
	struct node *n = s->node;
	char words[256];

	describe_end(s, status, why, words, sizeof(words));
	if (s->state == SLOT_CHECKING && s->job) {
		char failed[300];

		(void)snprintf(failed, sizeof(failed), "%s: its box %s",
			s->hello ? "the tests did not end" : "the app did not load", words);
		check_fail(s, failed);
	}
	if (s->served) {
		s->log = app_log_free(s->log); /* its last words before the news of its end */
		report_end(s, status, words, crash, crash ? note_crash(s, words) : 0);
		peers_gone(n->peers, s, words);
	} else if (!s->asked_to_end && !s->space[0]) {
		log_warn("slot=%u a blank box ended: %s", s->number, words);
	}
	slot_reset(s);
}
