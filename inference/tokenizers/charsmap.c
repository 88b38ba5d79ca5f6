#include "inference/tokenizers/charsmap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tokenizers/unicode.h"

struct charsmap {
	uint8_t *bytes;    /* owned: the length of the units, the units, the texts */
	size_t n_units;    /* of 4 bytes, little endian */
	const char *texts; /* borrowed from bytes; each ends with NUL, the last one too */
	size_t n_texts;
};

static int sextet(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Into at most n * 3 / 4 bytes, which fit in place of n characters. -EBADMSG. */
static int decode(const char *s, size_t n, uint8_t *ret, size_t *ret_n)
{
	uint32_t bits = 0;
	size_t out = 0, padding = 0;

	if (n % 4)
		return -EBADMSG;
	while (n > 0 && padding < 2 && s[n - 1] == '=') {
		padding++;
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		int v = sextet(s[i]);

		if (v < 0)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 > 0)
			ret[out++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_n = out;
	return 0;
}

static uint32_t read_u32(const uint8_t *b)
{
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

int charsmap_new(const char *base64, size_t n, struct charsmap **ret, struct err *e)
{
	CLEANUP(charsmap_freep) struct charsmap *m = calloc(1, sizeof(*m));
	size_t size, units;

	if (n > CHARSMAP_MAX)
		return err_set(e, -EMSGSIZE, "precompiled_charsmap: over %u bytes", CHARSMAP_MAX);
	if (m)
		m->bytes = malloc(n + 1);
	if (!m || !m->bytes)
		return err_set(e, -ENOMEM, "out of memory");
	if (decode(base64, n, m->bytes, &size) < 0 || size < 4)
		return err_set(e, -EBADMSG, "precompiled_charsmap: not base64 of a table");
	m->bytes[size] = '\0';
	units = read_u32(m->bytes);
	if (units > size - 4 || units % 4 || units < 4)
		return err_set(e, -EBADMSG, "precompiled_charsmap: the table is cut short");
	m->n_units = units / 4;
	m->texts = (const char *)m->bytes + 4 + units;
	m->n_texts = size - 4 - units;
	if (!utf8_valid(m->texts, m->n_texts))
		return err_set(e, -EBADMSG, "precompiled_charsmap: its texts are not UTF-8");
	*ret = TAKE_PTR(m);
	return 0;
}

struct charsmap *charsmap_free(struct charsmap *m)
{
	if (!m)
		return NULL;
	free(m->bytes);
	free(m);
	return NULL;
}

/* A unit; outside the table, one that no byte leads to. */
static uint32_t unit_at(const struct charsmap *m, size_t at)
{
	return at < m->n_units ? read_u32(m->bytes + 4 + 4 * at) : 1u << 31;
}

/* Darts-clone: where a unit's children are, counted from the unit by exclusive or. */
static size_t offset_of(uint32_t unit)
{
	return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

const char *charsmap_find(const struct charsmap *m, const char *s, size_t n, size_t *ret_n)
{
	uint32_t unit = unit_at(m, 0);
	size_t at = offset_of(unit);

	for (size_t i = 0; i < n && s[i]; i++) {
		at ^= (uint8_t)s[i];
		unit = unit_at(m, at);
		if ((unit & (1u << 31 | 0xff)) != (uint8_t)s[i])
			return NULL;
		at ^= offset_of(unit);
		if (unit >> 8 & 1) { /* an entry ends here; its leaf holds where the text is */
			size_t text = unit_at(m, at) & ~(1u << 31);

			/* Inside a character it is no text. */
			if (text > m->n_texts || ((uint8_t)m->texts[text] & 0xc0) == 0x80)
				return NULL;
			*ret_n = strlen(m->texts + text);
			return m->texts + text;
		}
	}
	return NULL;
}
