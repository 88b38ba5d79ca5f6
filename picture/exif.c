#include "picture/exif.h"

#include <stdbool.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3
#define HEAD 6 /* "Exif", two zeros; offsets count from behind it */

struct tiff {
	const uint8_t *at;
	size_t n;
	bool big;
};

/* 0 beyond the end: no entry has that tag or type. */
static uint32_t number(const struct tiff *t, size_t at, size_t size)
{
	uint32_t v = 0;

	if (at > t->n || size > t->n - at)
		return 0;
	for (size_t i = 0; i < size; i++)
		v = v << 8 | t->at[at + (t->big ? i : size - 1 - i)];
	return v;
}

unsigned int exif_orientation(const uint8_t *at, size_t n)
{
	struct tiff t;
	uint32_t list, entries;

	if (n < HEAD + 8 || memcmp(at, "Exif\0\0", HEAD) != 0)
		return 1;
	t = (struct tiff){at + HEAD, n - HEAD, at[HEAD] == 'M'};
	list = number(&t, 4, 4);
	entries = number(&t, list, 2);
	for (size_t i = 0; i < entries; i++) {
		size_t entry = list + 2 + i * 12;
		uint32_t v = number(&t, entry + 8, 2);

		if (entry + 12 > t.n)
			break;
		if (number(&t, entry, 2) == TAG_ORIENTATION &&
			number(&t, entry + 2, 2) == TYPE_SHORT)
			return v >= 1 && v <= 8 ? v : 1;
	}
	return 1;
}
