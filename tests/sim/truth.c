/* What was promised to visitors, noted when it leaves the gateway, and checked against the log. */
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/sim/sim.h"

#define TRUTHS_MAX 64

static struct truth *truths[TRUTHS_MAX];
static size_t n_truths;

struct truth *truth_of(const char *id)
{
	for (size_t i = 0; i < n_truths; i++)
		if (!strcmp(truths[i]->id, id))
			return truths[i];
	if (n_truths == TRUTHS_MAX)
		broken("more than %d sessions in one history", TRUTHS_MAX);
	truths[n_truths] = calloc(1, sizeof(**truths));
	if (!truths[n_truths])
		broken("out of memory");
	memcpy(truths[n_truths]->id, id, sizeof(truths[n_truths]->id));
	return truths[n_truths++];
}

void truth_forget_all(void)
{
	while (n_truths > 0)
		free(truths[--n_truths]);
}

static void note_group(struct truth *t, uint32_t seq, const uint8_t *bytes, size_t n)
{
	uint32_t hash = crc32c(0, bytes, n) | 1;

	PROMISE(seq < GROUPS_SEEN_MAX, "more than %d groups", GROUPS_SEEN_MAX);
	PROMISE(!t->hash[seq] || t->hash[seq] == hash,
		"group %u of a session was shown with two contents", seq);
	t->hash[seq] = hash;
	if (seq > t->seq)
		t->seq = seq;
}

/* Frames of one group, PATCH and FAIL up to COMMIT; a state (TREE before it) is none. */
void truth_shown(struct truth *t, const uint8_t *frames, size_t n)
{
	const uint8_t *group = frames;
	bool state = false;
	size_t at = 0;

	while (at < n) {
		struct frame f;
		int used = frame_read(&f, frames + at, n - at, NULL);

		PROMISE(used > 0, "half a frame was shown");
		at += (size_t)used;
		if (f.type == WIRE_ACCEPTED && f.seq > t->accepted)
			t->accepted = f.seq;
		if (f.type == WIRE_TREE)
			state = true;
		if (f.type != APP_COMMIT && f.type != APP_PATCH && f.type != APP_FAIL)
			group = frames + at;
		if (f.type != APP_COMMIT)
			continue;
		if (!state)
			note_group(t, f.seq, group, (size_t)(frames + at - group));
		group = frames + at;
		state = false;
	}
}

static uint32_t count_done(const struct session *s)
{
	struct buf b;
	json_t *image;
	const char *at;
	uint32_t n = 0;

	buf_init(&b, 1 << 20);
	if (image_write_json(&s->image, &b) < 0)
		broken("out of memory");
	image = json_loadb((const char *)b.data, b.len, 0, NULL);
	PROMISE(image, "the image is not JSON");
	at = json_string_value(json_object_get(image, "done"));
	for (; at && *at; at++)
		n += *at == ',';
	json_decref(image);
	buf_done(&b);
	return n;
}

void truth_check_log(struct sessions *t, bool power_lost)
{
	for (size_t i = 0; i < n_truths; i++) {
		struct truth *truth = truths[i];
		struct session *s = sessions_by_id(t, truth->id);
		uint32_t done;

		PROMISE(s || power_lost || truth->lost,
			"a session that a page had been given is not in the log");
		truth->lost |= !s;
		if (truth->lost)
			continue;
		done = count_done(s);
		if (power_lost) {
			truth->accepted = s->last_event;
			truth->done_shown = done;
			for (uint32_t seq = s->last_seq + 1; seq <= truth->seq; seq++)
				truth->hash[seq] = 0;
			truth->seq = s->last_seq;
		}
		PROMISE(s->last_event >= truth->accepted,
			"event %u was accepted, and the log knows %u", truth->accepted,
			s->last_event);
		PROMISE(s->last_seq >= truth->seq, "group %u was shown, and the log knows %u",
			truth->seq, s->last_seq);
		PROMISE(done >= truth->done_shown, "the image went back: %u effects, %u before",
			done, truth->done_shown);
		truth->done_shown = done;
	}
}
