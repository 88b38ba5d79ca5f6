/*
 * Chat templates: a conversation to the text a model was trained on.
 *
 * A template is Jinja (inference/jinja), as tokenizer_config.json or chat_template.jinja holds it;
 * a model may have a second one for conversations with tools. Knows no tokenizer.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define CHAT_TEMPLATE_MAX (128u << 10)

struct chat_template;

/* bos, eos: the tokens' spellings, "" for none. -ENOTSUP: names what is not supported, and the
 * line. -EMSGSIZE. -ENOMEM. Caller owns *ret. */
int chat_template_new(const char *text, size_t n, const char *bos, const char *eos,
	struct chat_template **ret, struct err *e);

/* The same from tokenizer_config.json's chat_template: a text, or a list of {name, template} with
 * "default" and perhaps "tool_use". -ENOENT: there is no default one. */
int chat_template_read(const json_t *config, const char *bos, const char *eos,
	struct chat_template **ret, struct err *e);
struct chat_template *chat_template_free(struct chat_template *t);
DEFINE_CLEANUP(struct chat_template *, chat_template_free)

/*
 * Appends the text of messages (an array of {role, content, …}), ending where the assistant begins
 * to speak. more: further variables, an object or NULL: tools, documents, what a template knows.
 * -EINVAL: the template refuses the conversation, in its words. -ENOSPC: over out's ceiling.
 * -EOVERFLOW: more steps than a template is granted. -ENOMEM.
 */
int chat_template_render(const struct chat_template *t, json_t *messages, json_t *more,
	struct buf *out, struct err *e);
