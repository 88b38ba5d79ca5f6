#include "gateway/fail.h"

#include <stdio.h>

#include "gateway/session/frames.h"
#include "gateway/session/state.h"
#include "proto/messages.h"

static int write_redacted(struct buf *b, const struct frame *f, const struct app_fail *m)
{
	char words[128];
	struct app_fail less = {
		.message = m->message, .reference = m->reference, .fields = m->fields};
	struct frame out = *f;
	struct buf value;
	int r;

	if (f->op == FAIL_ERROR) {
		(void)snprintf(words, sizeof(words), "Something went wrong in this demo%s%s%s",
			m->reference ? " (reference " : "", m->reference ? m->reference : "",
			m->reference ? ")" : "");
		less.message = words;
	}
	buf_init(&value, 64 << 10);
	r = app_fail_write(&less, &value);
	out.value = value.data;
	out.length = value.len;
	if (r == 0)
		r = frame_write(b, &out);
	buf_done(&value);
	return r;
}

static int copy_frame(const struct frame *f, void *data, struct err *e)
{
	static const struct app_fail unreadable = {.message = "Something went wrong in this demo"};
	struct app_fail m;
	int r;

	if (f->type != APP_FAIL)
		return frame_write(data, f);
	if (app_fail_read(&m, f->value, f->length, e) < 0)
		return write_redacted(data, f, &unreadable);
	r = write_redacted(data, f, &m);
	app_fail_done(&m);
	return r;
}

int fail_redact(const uint8_t *frames, size_t n, struct buf *b)
{
	return frames_each(frames, n, SESSION_VALUE_MAX, copy_frame, b, NULL);
}
