/* Room for models on their devices, and devices that are left. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "inference/engine/shelf_inside.h"

#define ASKED_USEC (2 * USEC_PER_SEC) /* whoever still waits has asked again by then */

/* --- away from a device --- */

void slot_leave_bay(struct slot *slot)
{
	if (slot->bay)
		slot->bay->memory -= slot->model->need;
	slot->bay = NULL;
}

void slot_unload(struct slot *slot)
{
	model_unload(slot->model);
	slot_leave_bay(slot);
	slot_set(slot, COLD);
}

void slot_strand(struct shelf *s, struct slot *slot, const struct err *why)
{
	if (slot->moving && why->code && s->ops.strand)
		s->ops.strand(slot->model, why, s->data);
}

bool slot_end_moving(struct shelf *s, struct slot *slot, const struct err *why)
{
	if (!slot->moving)
		return true;
	slot_strand(s, slot, why);
	if (!s->ops.release(slot->model, s->data))
		return false;
	slot->moving = false;
	model_unload(slot->model);
	return true;
}

bool slot_is_leaving(const struct slot *slot)
{
	return slot->state == READY && slot->bay->state != BAY_SERVING;
}

void slot_leave(struct shelf *s, struct slot *slot)
{
	if (s->loading && !s->ops.release(slot->model, s->data))
		return;
	log_info("model=%s unloaded: %s is %s", slot->model->id, slot->bay->name,
		bay_state_name(slot->bay->state));
	slot_unload(slot);
	slot->used_usec = 0; /* it comes back by itself, as at first */
}

void slot_refuse_homeless(struct shelf *s, struct slot *slot)
{
	struct err why = {0};

	if (slot->state != WAITING || (slot->wanted && rack_place(&s->rack, slot->model->need)))
		return;
	if (slot->wanted)
		(void)rack_refuse(&s->rack, slot->model->need, &why);
	slot->wanted = false;
	slot->used_usec = 0; /* it comes by itself when there is a place */
	if (slot_end_moving(s, slot, &why))
		slot_set(slot, COLD);
	shelf_tell(s);
}

/* --- room --- */

/* The one that was called longest ago and can be given up. */
static struct slot *oldest(struct shelf *s, const struct bay *b, uint64_t before_usec)
{
	struct slot *best = NULL;
	uint64_t now = clock_mono_usec();

	for (size_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->state == READY && slot->bay == b && slot->used_usec > before_usec &&
			slot->claimed_until_usec < now &&
			(!best || slot->used_usec < best->used_usec))
			best = slot;
	}
	return best;
}

struct bay *slot_place(struct shelf *s, const struct slot *slot)
{
	struct bay *b = slot->prefer;

	if (b && b->state == BAY_SERVING && slot->model->need <= b->memory_max)
		return b;
	return rack_place(&s->rack, slot->model->need);
}

bool shelf_make_room(struct shelf *s, const struct slot *for_slot)
{
	struct bay *b = slot_place(s, for_slot);
	uint64_t need = for_slot->model->need, past = 0;

	while (b && b->memory_max - b->memory < need) {
		struct slot *slot = oldest(s, b, past);

		if (!slot)
			return false;
		past = slot->used_usec;
		if (s->loading && !s->ops.release(slot->model, s->data))
			continue;
		log_info("model=%s unloaded: another one needs its memory", slot->model->id);
		slot_unload(slot);
	}
	return b != NULL;
}

bool slot_fits(struct shelf *s, const struct slot *slot)
{
	const struct bay *b = slot_place(s, slot);

	return b && slot->model->need <= b->memory_max - b->memory;
}

uint64_t shelf_memory(const struct shelf *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->rack.n; i++)
		sum += s->rack.bays[i].memory;
	return sum;
}

/* --- to the device of a call --- */

static void note_elsewhere(struct slot *slot, uint64_t now)
{
	if (!slot->elsewhere_usec || now > slot->elsewhere_last_usec + ASKED_USEC)
		slot->elsewhere_usec = now;
	slot->elsewhere_last_usec = now;
}

bool slot_is_due_elsewhere(const struct shelf *s, const struct slot *slot)
{
	uint64_t now = clock_mono_usec();

	return slot->elsewhere_usec && now <= slot->elsewhere_last_usec + ASKED_USEC &&
	       now >= slot->elsewhere_usec + s->stay_usec && now >= slot->stays_until_usec;
}

static void prefer(struct shelf *s, struct slot *slot, struct bay *on, uint64_t now)
{
	if (slot->prefer != on || slot->state == READY)
		slot->stays_until_usec = now + s->stay_usec;
	slot->prefer = on;
}

/* It comes to a device, however long that takes, or waits for room there, and not for too long. */
static bool is_on_its_way(const struct slot *slot, uint64_t now)
{
	if (slot->state == LOADING)
		return true;
	return slot->state != READY && slot->wanted && slot->prefer &&
	       slot->prefer->state == BAY_SERVING && now < slot->stays_until_usec;
}

void slot_follow(struct shelf *s, struct slot *slot, struct bay *on)
{
	uint64_t now = clock_mono_usec();

	if (slot->state == READY && slot->bay == on)
		return;
	if (slot->state != READY) {
		if (!is_on_its_way(slot, now))
			prefer(s, slot, on, now);
		return;
	}
	note_elsewhere(slot, now);
	if (now < slot->claimed_until_usec || now < slot->stays_until_usec ||
		(s->loading && !s->ops.release(slot->model, s->data)))
		return;
	log_info("model=%s moves to %s", slot->model->id, on->name);
	prefer(s, slot, on, now);
	slot_unload(slot);
}

/* --- devices --- */

int shelf_add_device(struct shelf *s, struct device *d, uint64_t memory_max)
{
	return rack_add(&s->rack, d, memory_max);
}

const struct bay *shelf_bay(const struct shelf *s, const struct model *m)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->slots[i].model == m)
			return s->slots[i].bay;
	return NULL;
}

struct rack *shelf_rack(struct shelf *s)
{
	return &s->rack;
}

void shelf_vacate(struct shelf *s, struct bay *b)
{
	for (size_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->state != READY || slot->bay != b)
			continue;
		if (!s->loading || s->ops.release(slot->model, s->data)) {
			slot_unload(slot);
			slot->used_usec = 0;
			continue;
		}
		slot->model->net = net_free(slot->model->net);
		slot_leave_bay(slot);
		slot->moving = true;
		slot->wanted = true;
		slot_set(slot, WAITING);
	}
	shelf_settle(s);
}

bool shelf_is_loading_on(const struct shelf *s, const struct bay *b)
{
	return s->at && s->at->bay == b;
}
