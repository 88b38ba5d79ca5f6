/*
 * Chat templates: a conversation to the text a model was trained on.
 *
 * A template is Jinja, as tokenizer_config.json holds it. The part of the language that templates
 * commonly use is read here: output, for, if, set, comments, whitespace control, the usual
 * operators, a few filters, tests and methods. Whatever else one uses is named when it is read,
 * never when it is rendered. Knows no tokenizer.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define CHAT_TEMPLATE_MAX (64u << 10)

struct chat_template;

/* bos, eos: the tokens' spellings, "" for none. -ENOTSUP: names what is not supported, and the
 * line. -EMSGSIZE. -ENOMEM. Caller owns *ret. */
int chat_template_new(const char *text, size_t n, const char *bos, const char *eos,
	struct chat_template **ret, struct err *e);
struct chat_template *chat_template_free(struct chat_template *t);
DEFINE_CLEANUP(struct chat_template *, chat_template_free)

/*
 * Appends the text of messages (an array of {role, content}), ending where the assistant begins
 * to speak. -EINVAL: the template refuses the conversation, in its words. -ENOSPC: over out's
 * ceiling. -EOVERFLOW: more steps than a template is granted. -ENOMEM.
 */
int chat_template_render(
	const struct chat_template *t, json_t *messages, struct buf *out, struct err *e);
