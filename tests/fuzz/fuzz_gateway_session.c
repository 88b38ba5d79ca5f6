/*
 * Records of a session log and groups of a worker, as a damaged disk or a hostile worker would
 * write them: u8 kind, u16 length, bytes; one after the other into one session. Whatever comes,
 * a snapshot of the session must make the same session again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/session/log.h"
#include "gateway/session/state.h"
#include "tests/support/fuzz.h"

static void apply(struct session *s, uint8_t kind, uint32_t n, const uint8_t *bytes, size_t length)
{
	struct out_trial trial;
	struct err e = {0};

	switch (kind % 7) {
	case 0:
		(void)session_apply_begin(s, bytes, length, &e);
		break;
	case 1:
		(void)session_apply_in(s, n, bytes, length, &e);
		break;
	case 2:
		(void)session_replay_out(s, n, bytes, length, &e);
		break;
	case 3:
		if (length)
			(void)session_apply_move(s, bytes, length, &e);
		break;
	case 4:
		session_apply_dismiss(s, n);
		break;
	case 5:
		(void)session_apply_state(s, bytes, length, &e);
		break;
	default:
		if (session_try_out(s, bytes, length / 2, bytes + length / 2, length - length / 2,
			    &trial, &e) == 0) {
			(void)session_apply_out(s, s->last_seq + 1, n, COMMIT_FINISH,
				bytes + length / 2, length - length / 2, &trial, &e);
			out_trial_done(&trial);
		}
	}
}

static void describe(const struct session *s, struct buf *b)
{
	MUST(image_write_json(&s->image, b) == 0 && overlay_write_json(&s->overlay, b) == 0);
	for (const struct pending *p = s->pending; p; p = p->next)
		MUST(buf_addf(b, "%u %d %zu;", p->n, p->state, p->length) == 0);
}

static void check_snapshot(const struct session *s)
{
	struct session *again;
	struct buf state, one, two;
	struct err e = {0};

	buf_init(&state, LOG_VALUE_MAX);
	buf_init(&one, 64 << 20);
	buf_init(&two, 64 << 20);
	MUST(session_new(1, &again) == 0);
	/* Only a session with an id is ever written; its texts were JSON before, so they are UTF-8.
	 */
	if (s->id[0] && session_write_state(s, &state) == 0) {
		MUST(session_apply_state(again, state.data, state.len, &e) == 0);
		describe(s, &one);
		describe(again, &two);
		MUST(one.len == two.len && !memcmp(one.data, two.data, one.len));
		MUST(again->image.bytes == s->image.bytes);
	}
	buf_done(&state);
	buf_done(&one);
	buf_done(&two);
	(void)session_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session *s;
	uint32_t n = 0;

	MUST(session_new(1, &s) == 0);
	while (size >= 3) {
		size_t length = (size_t)data[1] | (size_t)data[2] << 8;

		if (length > size - 3)
			length = size - 3;
		apply(s, data[0], ++n, data + 3, length);
		data += 3 + length;
		size -= 3 + length;
	}
	check_snapshot(s);
	(void)session_free(s);
	return 0;
}
