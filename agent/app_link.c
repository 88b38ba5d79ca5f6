#include "agent/app_link.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/boxes.h"
#include "agent/peers.h"
#include "agent/starts.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/messages.h"

#define TEST_DEADLINE_USEC (30 * USEC_PER_SEC) /* the worker's own limit is below this */

static void check_finish(struct slot *s, const struct check_result *result)
{
	/* What the app printed is in the pipe before its last message: read it out first. */
	s->log = app_log_free(s->log);
	peers_checked(s->node->peers, s, s->job, result);
	s->job = job_free(s->job);
	slot_drop_hello(s);
}

void check_fail(struct slot *s, const char *why)
{
	check_finish(s, &(struct check_result){.why = why});
}

static int on_sealed(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_sealed m;
	int r = app_sealed_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	app_sealed_done(&m);
	timer_disarm(s->deadline);
	box_promote(s);
	slot_set_state(s, SLOT_BLANK);
	starts_serve(s->node);
	return 0;
}

static int on_hello(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_hello m;
	int r = app_hello_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	if (s->hello) { /* it would begin the time for its tests anew */
		app_hello_done(&m);
		return err_set(e, -EPROTO, "HELLO came twice");
	}
	if (!m.tests) {
		check_finish(s, &(struct check_result){.hello = &m});
		app_hello_done(&m);
		box_end(s);
		return 0;
	}
	s->hello = malloc(sizeof(m));
	if (!s->hello) {
		app_hello_done(&m);
		return err_set(e, -ENOMEM, "out of memory");
	}
	*s->hello = m;
	timer_arm_after(s->deadline, TEST_DEADLINE_USEC);
	return 0;
}

static int on_tested(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_tested m;
	int r;

	if (!s->hello)
		return err_set(e, -EPROTO, "TESTED came before HELLO");
	r = app_tested_read(&m, f->value, f->length, e);
	if (r < 0)
		return r;
	check_finish(s, &(struct check_result){.hello = s->hello, .tested = &m});
	app_tested_done(&m);
	box_end(s);
	return 0;
}

static int on_load_failed(struct slot *s, const struct frame *f, struct err *e)
{
	struct app_load_failed m;
	int r = app_load_failed_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	check_finish(s, &(struct check_result){.failed = &m});
	app_load_failed_done(&m);
	box_end(s);
	return 0;
}

static const struct {
	uint8_t type;
	enum slot_state when;
	int (*handle)(struct slot *s, const struct frame *f, struct err *e);
} app_messages[] = {
	{APP_SEALED, SLOT_SPAWNING, on_sealed},
	{APP_HELLO, SLOT_CHECKING, on_hello},
	{APP_TESTED, SLOT_CHECKING, on_tested},
	{APP_LOAD_FAILED, SLOT_CHECKING, on_load_failed},
};

static int on_app_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct slot *s = data;

	(void)l;
	(void)files;
	if (s->state == SLOT_ENDING)
		return 0;
	for (size_t i = 0; i < sizeof(app_messages) / sizeof(app_messages[0]); i++)
		if (app_messages[i].type == f->type && app_messages[i].when == s->state)
			return app_messages[i].handle(s, f, e);
	return err_set(e, -EPROTO, "%s is out of turn while %s", proto_name(PROTO_APP, f->type),
		slot_state_name(s->state));
}

static void on_app_closed(struct link *l, const struct err *reason, void *data)
{
	struct slot *s = data;

	(void)l;
	if (reason->code)
		log_warn("slot=%u app link ended: %s", s->number, reason->text);
	if (s->state == SLOT_CHECKING && s->job && reason->code)
		check_fail(s, reason->text);
	s->app = link_free(s->app);
	box_end(s);
}

static long app_value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_APP, PROTO_UP, type);
}

const struct link_ops app_link_ops = {
	.on_frame = on_app_frame, .on_closed = on_app_closed, .value_max = app_value_max};
