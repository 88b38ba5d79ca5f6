#include "proto/box_class.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB (1ull << 20)
#define MEMORY_LEAST_MIB 16u
#define MEMORY_MOST_MIB (256u << 10)
#define CPU_LEAST 5u
#define CPU_MOST 6400u
#define DIGITS_MAX 9 /* more would not fit an unsigned int */

/* For a bundle (32 MiB) and visitors' files (10 MiB each), mapped whole. */
#define FILES_BYTES (448 * MIB)

/* Of the memory, what the worker needs beside its Lua heap: an eighth, within these. */
#define HOST_LEAST (16 * MIB)
#define HOST_MOST (64 * MIB)

const struct box_classes box_classes_default = {{
	[BOX_SMALL] = {64 * MIB, 50},
	[BOX_MEDIUM] = {256 * MIB, 100},
	[BOX_LARGE] = {1024 * MIB, 200},
}};

/* A blank box costs the same in every class. Small is what a Space has that asks for nothing. */
const struct box_pool box_pool_default = {{
	[BOX_SMALL] = 2,
	[BOX_MEDIUM] = BOX_POOL_AUTO,
	[BOX_LARGE] = BOX_POOL_AUTO,
}};

static const char *const names[BOX_CLASSES] = {
	[BOX_SMALL] = "small",
	[BOX_MEDIUM] = "medium",
	[BOX_LARGE] = "large",
};

int box_class_number(const char *word, size_t n)
{
	for (int i = BOX_SMALL; i < BOX_CLASSES; i++)
		if (strlen(names[i]) == n && memcmp(names[i], word, n) == 0)
			return i;
	return -EINVAL;
}

const char *box_class_name(unsigned int number)
{
	return names[number];
}

/* Digits up to *end. False: none, or too many. */
static bool read_number(const char **at, unsigned int *ret)
{
	unsigned int n = 0;
	int digits = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++) {
		if (++digits > DIGITS_MAX)
			return false;
		n = n * 10 + (unsigned int)(**at - '0');
	}
	*ret = n;
	return digits > 0;
}

/* The class before '=', moving *at behind it. */
static int read_class(const char **at, const char *option, const char *example, struct err *e)
{
	size_t n = strcspn(*at, "=,");
	int number = box_class_number(*at, n);

	if ((*at)[n] != '=')
		return err_set(e, -EINVAL, "%s takes CLASS=VALUE, as in %s; got '%.40s'", option,
			example, *at);
	if (number < 0)
		return err_set(e, -EINVAL,
			"%s: there is no class '%.*s', only small, medium and large", option,
			n > 40 ? 40 : (int)n, *at);
	*at += n + 1;
	return number;
}

struct field {
	const char *name;
	unsigned int least, most;
	const char *unit; /* of least and most */
};

static const struct field memory_field = {"memory", MEMORY_LEAST_MIB, MEMORY_MOST_MIB, "M"};
static const struct field cpu_field = {"CPU", CPU_LEAST, CPU_MOST, "%"};

static int take_field(
	const char *class, const struct field *f, unsigned int n, bool *seen, struct err *e)
{
	if (*seen)
		return err_set(e, -EINVAL, "--class %s: %s is given twice", class, f->name);
	if (n < f->least || n > f->most)
		return err_set(e, -EINVAL, "--class %s: %s is from %u%s to %u%s, not %u%s", class,
			f->name, f->least, f->unit, f->most, f->unit, n, f->unit);
	*seen = true;
	return 0;
}

/* One "64M" or "50%", moving *at behind it. */
static int read_field(
	const char **at, const char *class, struct box_class *c, bool seen[2], struct err *e)
{
	const char *begin = *at;
	unsigned int n = 0;
	char unit = '\0';
	int r;

	if (read_number(at, &n))
		unit = **at;
	if (unit == '%') {
		r = take_field(class, &cpu_field, n, &seen[0], e);
		c->cpu_percent = n;
	} else if (unit == 'M' || unit == 'G') {
		/* So many GiB that MiB would not fit are out of range all the same. */
		if (unit == 'G')
			n = n > MEMORY_MOST_MIB ? MEMORY_MOST_MIB + 1 : n * 1024;
		r = take_field(class, &memory_field, n, &seen[1], e);
		c->memory_bytes = n * MIB;
	} else {
		return err_set(e, -EINVAL,
			"--class %s: '%.20s' is neither memory as in 64M or 1G nor CPU as in 50%%",
			class, begin);
	}
	(*at)++;
	return r;
}

int box_classes_set(struct box_classes *c, const char *text, struct err *e)
{
	const char *at = text;
	int number = read_class(&at, "--class", "small=64M,50%", e);
	bool seen[2] = {false, false};
	struct box_class changed;

	if (number < 0)
		return number;
	changed = c->of[number];
	for (;;) {
		int r = read_field(&at, names[number], &changed, seen, e);

		if (r < 0)
			return r;
		if (*at == '\0')
			break;
		if (*at++ != ',')
			return err_set(e, -EINVAL,
				"--class %s: '%.20s' is too much; see small=64M,50%%",
				names[number], at - 1);
	}
	c->of[number] = changed;
	return 0;
}

void box_class_write(const struct box_classes *c, unsigned int number, char ret[64])
{
	(void)snprintf(ret, 64, "%s=%lluM,%u%%", names[number],
		(unsigned long long)(c->of[number].memory_bytes / MIB), c->of[number].cpu_percent);
}

uint64_t box_class_address_bytes(const struct box_class *c)
{
	return c->memory_bytes + FILES_BYTES;
}

uint64_t box_heap_bytes(uint64_t address_bytes)
{
	uint64_t least = MEMORY_LEAST_MIB * MIB, memory, host;

	memory = address_bytes < FILES_BYTES + least ? least : address_bytes - FILES_BYTES;
	host = memory / 8;
	if (host < HOST_LEAST)
		host = memory / 2 < HOST_LEAST ? memory / 2 : HOST_LEAST;
	return memory - (host < HOST_MOST ? host : HOST_MOST);
}

int box_pool_set(struct box_pool *p, const char *text, struct err *e)
{
	struct box_pool changed = *p;
	const char *at = text;

	for (;;) {
		int number = read_class(&at, "--pool", "small=2,medium=1", e);
		const char *value = at;
		unsigned int n;

		if (number < 0)
			return number;
		if (!read_number(&at, &n) || n > BOX_POOL_MAX || (*at && *at != ','))
			return err_set(e, -EINVAL,
				"--pool %s takes a number from 0 to %d, not '%.20s'", names[number],
				BOX_POOL_MAX, value);
		changed.of[number] = (int)n;
		if (*at == '\0')
			break;
		at++;
	}
	*p = changed;
	return 0;
}

int box_isolation_read(const char *text, bool *ret_dense, struct err *e)
{
	bool dense = strcmp(text, "dense") == 0;

	if (!dense && strcmp(text, "full") != 0)
		return err_set(e, -EINVAL, "--isolation is full or dense, not '%.40s'", text);
	*ret_dense = dense;
	return 0;
}

void box_pool_write(const struct box_pool *p, char ret[128])
{
	size_t n = 0;

	ret[0] = '\0';
	for (int i = BOX_SMALL; i < BOX_CLASSES; i++)
		if (p->of[i] != BOX_POOL_AUTO)
			n += (size_t)snprintf(
				ret + n, 128 - n, "%s%s=%d", n > 0 ? "," : "", names[i], p->of[i]);
}
