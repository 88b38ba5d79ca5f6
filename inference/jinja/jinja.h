/*
 * Jinja, as chat templates use it: text with statements and expressions in it, rendered with JSON
 * values for its variables.
 *
 * What the language has and published templates use is here: output, for (with else, loop, break
 * and continue), if, set (blocks and namespaces too), macro, raw, comments and whitespace control,
 * all operators, and the filters, tests, methods and functions of functions.c. Anything else is
 * named when a template is read, never when it is rendered. Blocks are trimmed as transformers
 * does it (trim_blocks, lstrip_blocks). Knows no model.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

struct jinja;

/* -ENOTSUP: names what is not supported, and the line. -EMSGSIZE: over max bytes, or too many
 * parts. -EINVAL. -ENOMEM. Caller owns *ret. */
int jinja_new(const char *text, size_t n, size_t max, struct jinja **ret, struct err *e);
struct jinja *jinja_free(struct jinja *j);
DEFINE_CLEANUP(struct jinja *, jinja_free)

/*
 * Appends the text with these variables (an object). -EINVAL: the template refuses them, in its
 * words, or does with a value what cannot be done. -ENOSPC: over out's ceiling. -EOVERFLOW: more
 * steps or memory than a rendering is granted. -ENOMEM.
 */
int jinja_render(const struct jinja *j, json_t *variables, struct buf *out, struct err *e);
