#include "inference/jinja/jinja.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/jinja/lexer.h"
#include "inference/jinja/node.h"
#include "inference/jinja/parser.h"

#define PARTS_MAX 65536
#define CHUNK 16384

struct chunk {
	struct chunk *next;
	size_t used;
	_Alignas(16) char bytes[CHUNK];
};

void *jinja_keep(struct jinja *j, size_t n)
{
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (n > CHUNK || ++j->parts > PARTS_MAX)
		return NULL;
	if (!j->chunks || j->chunks->used + n > CHUNK) {
		struct chunk *c = calloc(1, sizeof(*c));

		if (!c)
			return NULL;
		c->next = j->chunks;
		j->chunks = c;
	}
	p = j->chunks->bytes + j->chunks->used;
	j->chunks->used += n;
	return p;
}

/* \r\n and \r become \n, as Jinja reads them. */
static char *copy_text(const char *text, size_t n, size_t *ret_n)
{
	char *copy = malloc(n + 1);
	size_t to = 0;

	for (size_t i = 0; copy && i < n; i++) {
		if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n')
			continue;
		copy[to++] = text[i] == '\r' ? '\n' : text[i];
	}
	if (copy)
		copy[to] = '\0';
	*ret_n = to;
	return copy;
}

int jinja_new(const char *text, size_t n, size_t max, struct jinja **ret, struct err *e)
{
	CLEANUP(jinja_freep) struct jinja *j = calloc(1, sizeof(*j));
	CLEANUP(freep) char *copy = NULL;
	CLEANUP(words_done) struct words words = {0};
	struct err ignored = {0};
	int r;

	if (n > max)
		return err_set(e, -EMSGSIZE, "template of %zu bytes, the limit is %zu", n, max);
	copy = copy_text(text, n, &n);
	if (j)
		j->values = json_array();
	if (!j || !j->values || !copy)
		return err_set(e, -ENOMEM, "out of memory");
	e = e ? e : &ignored;
	r = words_read(copy, n, &words, e);
	if (r == 0)
		r = parse(j, &words, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

struct jinja *jinja_free(struct jinja *j)
{
	if (!j)
		return NULL;
	json_decref(j->values);
	for (struct chunk *c = j->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(j);
	return NULL;
}
