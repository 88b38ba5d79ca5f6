/* chat: a conversation goes on, rendered by the model's own template. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "inference/tasks/task.h"

#define MESSAGES_MAX 256 /* of one conversation */
#define ROLE_MAX 32

/* A copy of one message whose content cannot be taken for the template's own tokens. */
static int add_message(const struct model *m, const json_t *v, size_t i, json_t *to, struct err *e)
{
	CLEANUP(buf_done) struct buf safe;
	const char *role;
	struct text content = {0};
	char name[40];
	json_t *copy;
	int r;

	buf_init(&safe, TOKENIZER_TEXT_MAX);
	if (!json_is_object(v))
		return err_set(e, -EINVAL, "inputs[%zu]: must be {role, content}", i);
	if (json_get_str(v, "role", ROLE_MAX, &role, e) < 0) {
		(void)err_wrap(e, "inputs[%zu]", i);
		return -EINVAL;
	}
	if (strspn(role, "abcdefghijklmnopqrstuvwxyz_") != strlen(role) || !role[0])
		return err_set(e, -EINVAL, "inputs[%zu].role: must be lower-case letters", i);
	(void)snprintf(name, sizeof(name), "inputs[%zu].content", i);
	r = task_text(json_object_get(v, "content"), name, &content, e);
	if (r < 0)
		return r;
	r = tokenizer_defuse(m->tokenizer, content.s, content.n, &safe);
	if (r < 0)
		return err_set(e, r == -ENOSPC ? -EMSGSIZE : r, "%s: too long", name);
	copy = json_pack("{s:s, s:s%}", "role", role, "content", buf_str(&safe), safe.len);
	return copy && json_array_append_new(to, copy) == 0 ? 0
							    : err_set(e, -ENOMEM, "out of memory");
}

static int render(const struct model *m, json_t *messages, struct buf *text, struct err *e)
{
	int r;

	buf_clear(text);
	r = chat_template_render(m->template, messages, NULL, text, e);
	if (r == -ENOSPC)
		return err_set(e, -EMSGSIZE, "inputs: the conversation is over %u bytes",
			TOKENIZER_TEXT_MAX);
	if (r < 0)
		(void)err_wrap(e, "inputs");
	return r;
}

/* Whether the text leaves a quarter of the model's context for the answer. */
static bool leaves_room(const struct model *m, const struct buf *text)
{
	struct tokens ids = {.max = m->net->context - m->net->context / 4};
	struct err ignored;
	int r = tokenizer_encode(m->tokenizer, buf_str(text), text->len, false, &ids, &ignored);

	tokens_done(&ids);
	return r == 0;
}

/* Where the oldest message stands that may be left out; the array's size when none may: what the
 * app said as "system" at the head and the newest message always stay. */
static size_t oldest_turn(const json_t *messages)
{
	size_t n = json_array_size(messages), i = 0;

	while (i < n && !strcmp("system", json_string_value(json_object_get(
						  json_array_get(messages, i), "role"))))
		i++;
	return i + 1 < n ? i : n;
}

/* Without the n messages from head on. */
static int render_without(const struct model *m, json_t *messages, size_t head, size_t n,
	struct buf *text, struct err *e)
{
	CLEANUP(json_decrefp) json_t *kept = json_copy(messages);

	if (!kept)
		return err_set(e, -ENOMEM, "out of memory");
	while (n-- > 0)
		(void)json_array_remove(kept, head);
	return render(m, kept, text, e);
}

/*
 * A conversation outgrows every context: its oldest turns are left out, so that it can go on, as
 * few as will do. They are searched by halves, since each try renders and tokenizes everything.
 */
static int render_recent(const struct model *m, json_t *messages, struct buf *text, struct err *e)
{
	size_t n = json_array_size(messages), head = oldest_turn(messages);
	/* Less than low leaves no room, high does or is all that may go. */
	size_t low = 0, high = head < n ? n - head - 1 : 0, out = 0;

	for (;;) {
		int r = render_without(m, messages, head, out, text, e);

		if (r < 0 && r != -EMSGSIZE)
			return r;
		if (r == 0 && leaves_room(m, text))
			high = out;
		else
			low = out + 1;
		if (out == high && low >= high)
			return r;
		*e = (struct err){0};
		out = low + (high - low) / 2;
	}
}

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(json_decrefp) json_t *messages = json_array();
	CLEANUP(buf_done) struct buf text;
	size_t n = json_array_size(inputs);
	int r = 0;

	buf_init(&text, TOKENIZER_TEXT_MAX);
	if (!s->model->template)
		return err_set(e, -ENOTSUP, "model %s does not chat: %s", s->model->id,
			s->model->net->family->decoder ? s->model->template_error.text
						       : "it does not write text");
	if (!json_is_array(inputs) || n == 0 || n > MESSAGES_MAX)
		return err_set(
			e, -EINVAL, "inputs: must be an array of 1 to %d messages", MESSAGES_MAX);
	if (!messages)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_message(s->model, json_array_get(inputs, i), i, messages, e);
	if (r == 0)
		r = render_recent(s->model, messages, &text, e);
	return r < 0 ? r : task_write(s, (struct text){buf_str(&text), text.len}, false, e);
}

const struct task task_chat = {
	.name = "chat",
	.start = start,
	.value = task_written,
};
