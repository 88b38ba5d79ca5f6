#include "tests/peer/crowd.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/support/test.h"

#define BOXES_AT_ONCE 8
#define PATIENCE_USEC 1000000u
#define LOOKS 3 /* at a box that sleeps, a patience apart */
#define POLL_MS 100

enum phase { FREE, SPAWNING, SEALING, ASKED, CLOSED, ENDING };

struct place {
	enum phase phase;
	struct worker worker;
	struct errand *errand;
	uint64_t deadline;
	unsigned int looks;
};

struct crowd {
	const struct boxd *boxd;
	struct place places[BOXES_AT_ONCE];
	struct errand *next, *end;
	size_t busy;
};

static void fill(struct crowd *c)
{
	for (unsigned int i = 0; i < BOXES_AT_ONCE && c->next < c->end; i++) {
		struct place *p = &c->places[i];

		if (p->phase != FREE)
			continue;
		p->errand = c->next++;
		p->worker = worker_request(c->boxd->agent, i, BOX_SMALL);
		p->phase = SPAWNING;
		c->busy++;
	}
}

static void vacate(struct crowd *c, struct place *p)
{
	worker_done(&p->worker);
	p->phase = FREE;
	c->busy--;
}

static void finish(struct crowd *c, struct place *p, enum errand_end end)
{
	p->errand->end = end;
	p->phase = ENDING;
	agent_send(c->boxd->agent, BOX_KILL, 0, p->worker.slot, NULL, 0);
}

/* A box that has ended already closes its link; that it has is told by the agent's message. */
static void order(struct place *p, const char *words, enum phase phase)
{
	(void)!send(p->worker.app, words, strlen(words), MSG_NOSIGNAL);
	p->phase = phase;
	p->deadline = now_usec() + PATIENCE_USEC;
	p->looks = 0;
}

static void begin(struct place *p)
{
	const char *note = p->errand->note;

	if (note)
		CHECK(send(p->worker.infer, note, strlen(note), MSG_NOSIGNAL) > 0);
	if (p->errand->seal)
		order(p, "seal", SEALING);
	else
		order(p, p->errand->order, ASKED);
}

/* The next errand, when this box may be asked that too. */
static bool takes_another(struct crowd *c, struct place *p)
{
	bool fits = c->next < c->end && c->next->may_share && p->errand->may_share;

	if (!fits || p->phase != ASKED || strtol(p->errand->words, NULL, 10) >= 0)
		return false;
	p->errand->end = ERRAND_ANSWERED;
	p->errand = c->next++;
	order(p, p->errand->order, ASKED);
	return true;
}

static void hear_worker(struct crowd *c, struct place *p)
{
	ssize_t n =
		recv(p->worker.app, p->errand->words, sizeof(p->errand->words) - 1, MSG_DONTWAIT);

	if (n <= 0) {
		p->phase = CLOSED;
		return;
	}
	p->errand->words[n] = '\0';
	if (p->phase == SEALING && strncmp(p->errand->words, "sealed", 6) == 0)
		order(p, p->errand->order, ASKED);
	else if (!takes_another(c, p))
		finish(c, p, p->phase == SEALING ? ERRAND_UNSEALED : ERRAND_ANSWERED);
}

static void take_exit(struct crowd *c, struct place *p, const struct message *m)
{
	/* It may have answered with its last breath. */
	if (p->phase == SEALING || p->phase == ASKED)
		hear_worker(c, p);
	if (p->phase != ENDING) {
		p->errand->end = ERRAND_ENDED;
		p->errand->status = (int)m->seq;
		(void)snprintf(p->errand->words, sizeof(p->errand->words), "%.511s", m->words);
	}
	vacate(c, p);
}

static void hear_agent(struct crowd *c)
{
	struct message m;
	struct place *p;

	CHECK(agent_receive(c->boxd->agent, &m));
	CHECK(m.slot < BOXES_AT_ONCE);
	p = &c->places[m.slot];
	CHECK(p->phase != FREE);
	if (m.type == BOX_SPAWNED) {
		p->worker.pid = (pid_t)m.seq;
		begin(p);
	} else if (m.type == BOX_REFUSED) {
		p->errand->end = ERRAND_REFUSED;
		(void)snprintf(p->errand->words, sizeof(p->errand->words), "%.511s", m.words);
		vacate(c, p);
	} else {
		CHECK(m.type == BOX_EXITED);
		take_exit(c, p, &m);
	}
}

/* A box that has something to do is only slow: the machine is busy, or emulated. One that has died
 * meanwhile is told of soon. */
static bool is_asleep(pid_t pid)
{
	char path[64], stat[256] = "";
	const char *end;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	(void)!fgets(stat, sizeof(stat), f);
	(void)fclose(f);
	end = strrchr(stat, ')');
	return end && end[2] == 'S';
}

static void grow_impatient(struct crowd *c, struct place *p)
{
	p->deadline = now_usec() + PATIENCE_USEC;
	if (is_asleep(p->worker.pid))
		p->looks++;
	else
		p->looks = 0;
	if (p->looks == LOOKS)
		finish(c, p, ERRAND_SILENT);
}

static void wait_and_hear(struct crowd *c)
{
	struct pollfd fds[BOXES_AT_ONCE + 1] = {{.fd = c->boxd->agent, .events = POLLIN}};

	for (size_t i = 0; i < BOXES_AT_ONCE; i++) {
		const struct place *p = &c->places[i];
		bool listens = p->phase == SEALING || p->phase == ASKED;

		fds[i + 1] = (struct pollfd){.fd = listens ? p->worker.app : -1, .events = POLLIN};
	}
	CHECK(poll(fds, BOXES_AT_ONCE + 1, POLL_MS) >= 0);
	for (size_t i = 0; i < BOXES_AT_ONCE; i++) {
		struct place *p = &c->places[i];

		if (fds[i + 1].revents)
			hear_worker(c, p);
		else if (fds[i + 1].fd >= 0 && now_usec() > p->deadline)
			grow_impatient(c, p);
	}
	if (fds[0].revents)
		hear_agent(c);
}

void crowd_run(const struct boxd *b, struct errand *errands, size_t n)
{
	struct crowd c = {.boxd = b, .next = errands, .end = errands + n};

	for (fill(&c); c.busy > 0; fill(&c))
		wait_and_hear(&c);
}

void errand_outcome(const struct errand *e, char ret[OUTCOME_MAX])
{
	long value = strtol(e->words, NULL, 10);

	if (e->end == ERRAND_REFUSED)
		(void)snprintf(ret, OUTCOME_MAX, "no-box");
	else if (e->end == ERRAND_UNSEALED)
		(void)snprintf(ret, OUTCOME_MAX, "no-seal");
	else if (e->end == ERRAND_SILENT)
		(void)snprintf(ret, OUTCOME_MAX, "waits");
	else if (e->end == ERRAND_ENDED && WIFEXITED(e->status))
		(void)snprintf(ret, OUTCOME_MAX, "exit-%d", WEXITSTATUS(e->status));
	else if (e->end == ERRAND_ENDED && WTERMSIG(e->status) == SIGSYS)
		(void)snprintf(ret, OUTCOME_MAX, "KILLED");
	else if (e->end == ERRAND_ENDED)
		(void)snprintf(ret, OUTCOME_MAX, "SIG%s", sigabbrev_np(WTERMSIG(e->status)));
	else if (value < 0 && strerrorname_np((int)-value))
		(void)snprintf(ret, OUTCOME_MAX, "%s", strerrorname_np((int)-value));
	else
		(void)snprintf(ret, OUTCOME_MAX, "done");
}
