#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/peers_inside.h"
#include "base/utf8.h"
#include "proto/box_class.h"

typedef int (*handler_fn)(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e);

static void words_of(const struct frame *f, char *words, size_t size)
{
	(void)snprintf(
		words, size, "%.*s", (int)f->length, f->length ? (const char *)f->value : "");
	utf8_scrub(words, strlen(words));
}

static int on_host(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)files;
	(void)e;
	node_boxd_up(p->node, f->node, f->seq);
	return 0;
}

static int on_spawned(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)files;
	(void)e;
	node_spawned(p->node, f->node, (int)f->seq);
	return 0;
}

static int on_exited(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	char words[256];

	(void)files;
	(void)e;
	words_of(f, words, sizeof(words));
	node_exited(p->node, f->node, (int)f->seq, words);
	return 0;
}

static int on_refused(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	char words[256];

	(void)files;
	(void)e;
	words_of(f, words, sizeof(words));
	node_refused(p->node, f->node, (int)f->seq, words);
	return 0;
}

/* CHECK and WAKE name a Space alike, in messages of two links. */
#define FILL_JOB(j, m)                                                                             \
	do {                                                                                       \
		int class_ = box_class_number((m).class, strlen((m).class));                       \
                                                                                                   \
		(j)->class = class_ < 0 ? BOX_SMALL : (uint8_t)class_;                             \
		(void)snprintf((j)->space, sizeof((j)->space), "%s", (m).space);                   \
		(void)snprintf((j)->owner, sizeof((j)->owner), "%s", (m).owner);                   \
		(void)snprintf((j)->name, sizeof((j)->name), "%s", (m).name);                      \
		(void)snprintf((j)->bundle, sizeof((j)->bundle), "%s", (m).bundle);                \
		(void)snprintf((j)->entry, sizeof((j)->entry), "%s", (m).entry);                   \
		(void)snprintf((j)->title, sizeof((j)->title), "%s", (m).title ? (m).title : "");  \
		(j)->settings = (m).settings;                                                      \
	} while (0)

static int on_check(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(job_freep) struct job *j = calloc(1, sizeof(*j));
	CLEANUP(closep) int bundle = link_files_take(files, 0);
	struct err why = {0};
	struct agent_check m;
	int r = agent_check_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	if (!j) {
		agent_check_done(&m);
		return -ENOMEM;
	}
	*j = (struct job){.kind = JOB_CHECK, .seq = f->seq};
	FILL_JOB(j, m);
	agent_check_done(&m);

	r = bundle < 0 ? err_set(&why, -EINVAL, "CHECK came without its bundle")
		       : bundle_cache_put(p->node->cache, j->bundle, bundle, &why);
	if (r < 0)
		peers_checked(p, NULL, j, &(struct check_result){.why = why.text});
	else
		node_take_job(p->node, TAKE_PTR(j));
	return 0;
}

static int on_bundle(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(closep) int bundle = link_files_take(files, 0);
	struct agent_bundle m;
	struct err why = {0};
	int r = agent_bundle_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	r = m.missing || bundle < 0 ? err_set(&why, -ENOENT, "this version's bundle is missing")
				    : bundle_cache_put(p->node->cache, m.bundle, bundle, &why);
	if (r < 0)
		node_bundle_missing(p->node, m.bundle, why.text);
	else
		node_bundle_arrived(p->node, m.bundle);
	agent_bundle_done(&m);
	return 0;
}

static int on_settings(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct agent_settings m;
	int r = agent_settings_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_settings_arrived(p->node, &m);
	agent_settings_done(&m);
	return 0;
}

static int on_wake(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(job_freep) struct job *j = calloc(1, sizeof(*j));
	struct wake_wake m;
	int r = wake_wake_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	if (!j) {
		wake_wake_done(&m);
		return -ENOMEM;
	}
	*j = (struct job){.kind = JOB_WAKE, .seq = f->seq, .epoch = m.epoch};
	FILL_JOB(j, m);
	wake_wake_done(&m);
	node_take_job(p->node, TAKE_PTR(j));
	return 0;
}

static int on_sleep(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct wake_sleep m;
	int r = wake_sleep_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_sleep(p->node, m.replica);
	wake_sleep_done(&m);
	return 0;
}

static int on_stop(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct wake_stop m;
	int r = wake_stop_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_stop(p->node, m.replica, m.reason);
	wake_stop_done(&m);
	return 0;
}

static int on_note(struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	struct wake_note m;
	int r = wake_note_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	node_note(p->node, m.replica, m.line);
	wake_note_done(&m);
	return 0;
}

static int on_models(
	struct peers *p, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)p;
	(void)f;
	(void)files;
	(void)e;
	return 0; /* the list of models and the numbers are for the orchestrator */
}

static const struct {
	enum peer_name peer;
	uint8_t type;
	handler_fn handle;
} handlers[] = {
	{PEER_BOXD, BOX_HOST, on_host},
	{PEER_BOXD, BOX_SPAWNED, on_spawned},
	{PEER_BOXD, BOX_EXITED, on_exited},
	{PEER_BOXD, BOX_REFUSED, on_refused},
	{PEER_ORCHESTRATOR, AGENT_CHECK, on_check},
	{PEER_ORCHESTRATOR, AGENT_BUNDLE, on_bundle},
	{PEER_ORCHESTRATOR, AGENT_SETTINGS, on_settings},
	{PEER_GATEWAY, WAKE_WAKE, on_wake},
	{PEER_GATEWAY, WAKE_SLEEP, on_sleep},
	{PEER_GATEWAY, WAKE_STOP, on_stop},
	{PEER_GATEWAY, WAKE_NOTE, on_note},
	{PEER_INFERENCE, MODELS_LIST, on_models},
	{PEER_INFERENCE, MODELS_METRICS, on_models},
};

int peers_handle(struct peer *peer, const struct frame *f, struct link_files *files, struct err *e)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].peer == peer->name && handlers[i].type == f->type)
			return handlers[i].handle(peer->all, f, files, e);
	return err_set(
		e, -EPROTO, "%s has no handler", proto_name(peer_kinds[peer->name].link, f->type));
}
