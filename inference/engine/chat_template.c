#include "inference/engine/chat_template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/jinja/jinja.h"

struct chat_template {
	struct jinja *usual, *with_tools; /* owned; with_tools may be NULL */
	char *bos, *eos;                  /* owned */
};

int chat_template_new(const char *text, size_t n, const char *bos, const char *eos,
	struct chat_template **ret, struct err *e)
{
	CLEANUP(chat_template_freep) struct chat_template *t = calloc(1, sizeof(*t));
	int r;

	if (t) {
		t->bos = strdup(bos);
		t->eos = strdup(eos);
	}
	if (!t || !t->bos || !t->eos)
		return err_set(e, -ENOMEM, "out of memory");
	r = jinja_new(text, n, CHAT_TEMPLATE_MAX, &t->usual, e);
	if (r < 0)
		return err_wrap(e, "chat template");
	*ret = TAKE_PTR(t);
	return 0;
}

/* The template of this name in a list of {name, template}. */
static const json_t *by_name(const json_t *list, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		const char *its = json_string_value(json_object_get(v, "name"));

		if (its && !strcmp(its, name))
			return json_object_get(v, "template");
	}
	return NULL;
}

int chat_template_read(const json_t *config, const char *bos, const char *eos,
	struct chat_template **ret, struct err *e)
{
	const json_t *usual = json_is_string(config) ? config : by_name(config, "default");
	const json_t *tools = by_name(config, "tool_use");
	int r;

	if (!json_is_string(usual))
		return err_set(e, -ENOENT, "the model has no chat template");
	r = chat_template_new(
		json_string_value(usual), json_string_length(usual), bos, eos, ret, e);
	if (r < 0 || !json_is_string(tools))
		return r;
	r = jinja_new(json_string_value(tools), json_string_length(tools), CHAT_TEMPLATE_MAX,
		&(*ret)->with_tools, e);
	if (r < 0) {
		*ret = chat_template_free(*ret);
		return err_wrap(e, "chat template 'tool_use'");
	}
	return 0;
}

struct chat_template *chat_template_free(struct chat_template *t)
{
	if (!t)
		return NULL;
	(void)jinja_free(t->usual);
	(void)jinja_free(t->with_tools);
	free(t->bos);
	free(t->eos);
	free(t);
	return NULL;
}

int chat_template_render(const struct chat_template *t, json_t *messages, json_t *more,
	struct buf *out, struct err *e)
{
	/* tools and documents are none where there are none, as transformers has it. */
	CLEANUP(json_decrefp)
	json_t *variables = json_pack("{s:O, s:b, s:s, s:s, s:n, s:n}", "messages", messages,
		"add_generation_prompt", 1, "bos_token", t->bos, "eos_token", t->eos, "tools",
		"documents");
	const json_t *tools = json_object_get(more, "tools");

	if (!variables || (more && json_object_update(variables, more) < 0))
		return err_set(e, -ENOMEM, "out of memory");
	return jinja_render(json_array_size(tools) > 0 && t->with_tools ? t->with_tools : t->usual,
		variables, out, e);
}
