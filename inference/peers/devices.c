#include "inference/peers/devices.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "inference/metrics.h"
#include "inference/peers/inside.h"
#include "inference/peers/top.h"
#include "proto/messages.h"

/* why: for those that have begun there; NULL: they wait for their model and go on. */
static void take_out(struct service *s, struct bay *b, const struct err *why)
{
	engine_vacate(s->engine, b->device, why);
	shelf_vacate(s->shelf, b);
	service_step(s); /* some may wait in vain */
	service_models_changed(s);
}

void devices_check(struct service *s)
{
	struct rack *rack = shelf_rack(s->shelf);

	for (size_t i = 0; i < rack->n; i++) {
		struct bay *b = &rack->bays[i];

		/* One that is excluded is left already, and stays what an administrator said. */
		if (b->state == BAY_FAILED || b->state == BAY_EXCLUDED ||
			!device_is_faulty(b->device))
			continue;
		inference_count(INFERENCE_DEVICE_FAULTS, 1);
		rack_set(rack, b, BAY_FAILED, b->device->fault);
		take_out(s, b, NULL);
		top_tell(s);
	}
}

/* --- orders: each may be given twice, and then does nothing --- */

static int drain(struct service *s, struct bay *b, const char *reason, struct err *e)
{
	if (b->state == BAY_FAILED)
		return err_set(e, -EBUSY, "%s has failed and runs nothing: %s", b->name, b->reason);
	if (b->state != BAY_SERVING)
		return 0;
	rack_set(shelf_rack(s->shelf), b, BAY_DRAINING, reason);
	shelf_settle(s->shelf);
	return 0;
}

static int exclude(struct service *s, struct bay *b, const char *reason, struct err *e)
{
	struct err why = {0};

	if (b->state == BAY_EXCLUDED)
		return 0;
	if (!*reason)
		return err_set(e, -EINVAL, "reason: must say why");
	rack_set(shelf_rack(s->shelf), b, BAY_EXCLUDED, reason);
	(void)err_set(&why, -EIO,
		"an administrator took the device %s out of service while it worked on this: %s",
		b->name, b->reason);
	take_out(s, b, &why);
	return 0;
}

static int give_back(struct service *s, struct bay *b, const char *reason, struct err *e)
{
	int r = 0;

	(void)reason;
	if (b->state == BAY_SERVING)
		return 0;
	if (shelf_is_loading_on(s->shelf, b) && device_is_faulty(b->device))
		return err_set(e, -EBUSY,
			"%s: a model is still being read for it; try again in a "
			"moment",
			b->name);
	if (device_is_faulty(b->device))
		r = b->device->ops->revive(b->device, e);
	if (r < 0)
		return r;
	rack_set(shelf_rack(s->shelf), b, BAY_SERVING, NULL);
	shelf_settle(s->shelf);
	return 0;
}

static const struct order {
	const char *act;
	int (*run)(struct service *s, struct bay *b, const char *reason, struct err *e);
} orders[] = {
	{"drain", drain},
	{"exclude", exclude},
	{"return", give_back},
};

static int run_order(struct service *s, const struct models_device *m, struct err *e)
{
	struct bay *b = rack_find(shelf_rack(s->shelf), m->name);

	if (!b)
		return err_set(e, -ENOENT, "device: there is no '%s'", m->name);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (!strcmp(orders[i].act, m->act))
			return orders[i].run(s, b, m->reason, e);
	return err_set(e, -EINVAL, "act: must be drain, exclude or return");
}

int devices_on_order(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(buf_done) struct buf value;
	struct frame answer = {.type = MODELS_DONE};
	struct models_done done = {0};
	struct models_device m;
	struct err why = {0};
	int r = models_device_read(&m, f->value, f->length, e);

	(void)files;
	if (r < 0)
		return r;
	buf_init(&value, proto_models_done.value_max);
	r = run_order(c->service, &m, &why);
	done.id = m.id;
	if (r < 0) {
		done.error = why.text;
		done.code = -r;
	}
	models_device_done(&m);
	top_tell(c->service); /* before the answer, so that whoever has it knows the rest */
	r = models_done_write(&done, &value);
	if (r < 0)
		return r;
	answer.value = value.data;
	answer.length = value.len;
	return link_send(c->link, &answer);
}
