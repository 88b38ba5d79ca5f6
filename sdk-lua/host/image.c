#include "sdk-lua/host/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sdk-lua/host/group.h"

#define KEY_MAX 255
#define SCRATCH_KEEP (16u << 10)

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes a step by a folded multiplication, as wyhash does. Only ever compared with itself
 * inside one process; nobody gains by a collision but the app that made it. */
static uint64_t hash_bytes(const uint8_t *p, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ n, word;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = mix(h ^ word, 0xa0761d6478bd642fu);
	}
	word = 0;
	if (n)
		memcpy(&word, p, n);
	return mix(h ^ word, 0xe7037ed1a0b428dbu ^ n);
}

static struct kept_key *find(struct image *image, const char *name, size_t *ret_at)
{
	size_t low = 0, high = image->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(image->keys[middle].name, name);

		if (order == 0)
			return &image->keys[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_at = low;
	return NULL;
}

static struct kept_key *insert(struct image *image, size_t at, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return NULL;
	if (image->n == image->cap) {
		size_t cap = image->cap ? image->cap * 2 : 4;
		struct kept_key *grown = realloc(image->keys, cap * sizeof(*grown));

		if (!grown) {
			free(copy);
			return NULL;
		}
		image->keys = grown;
		image->cap = cap;
	}
	memmove(&image->keys[at + 1], &image->keys[at], (image->n - at) * sizeof(*image->keys));
	image->keys[at] = (struct kept_key){.name = copy, .whole = true, .length = SIZE_MAX};
	image->n++;
	return &image->keys[at];
}

static int refuse(struct value_why *why, int code, const char *words)
{
	(void)snprintf(why->words, sizeof(why->words), "%s", words);
	return code;
}

static void name_key(struct value_why *why, const char *name)
{
	char step[80];

	(void)snprintf(step, sizeof(step), "session.%.60s", name);
	value_why_within(why, step);
}

/* key at -2, value at -1 of L. */
static int write_key(struct session *s, lua_State *L, struct buf *scratch, struct value_why *why)
{
	const struct value_rules rules = {
		.depth_max = SESSION_IMAGE_DEPTH_MAX, .object_mark = s->worker->object_mark};
	struct kept_key *k;
	const char *name;
	size_t n, at = 0;
	int r;

	if (lua_type(L, -2) != LUA_TSTRING)
		return refuse(why, -EINVAL, "session: its keys are strings; this one is not");
	name = lua_tolstring(L, -2, &n);
	if (n == 0 || n > KEY_MAX || !value_is_text(name, n))
		return refuse(why, -EINVAL,
			"session: a key is 1 to 255 bytes of UTF-8 text; this one is not");
	k = find(&s->image, name, &at);
	if (!k && s->image.n >= SESSION_IMAGE_KEYS_MAX)
		return refuse(why, -EFBIG, "session: more than 1024 keys");
	if (!k)
		k = insert(&s->image, at, name);
	if (!k)
		return -ENOMEM;
	/* Written as one object, so that its limit is the limit of the whole. */
	r = value_add_string(scratch, name, n, true);
	if (r == 0)
		r = buf_add(scratch, ":,", 2);
	if (r < 0)
		return r;
	k->at = scratch->len;
	k->seen = true;
	r = value_encode(L, lua_gettop(L), &rules, scratch, why);
	if (r == -EINVAL || r == -ENOSPC)
		name_key(why, name);
	k->new_length = scratch->len - k->at;
	return r;
}

/* why says where the limit was met. */
static int too_large(struct value_why *why)
{
	static const char words[] = "over the limit of 1 MiB as JSON";
	char at[VALUE_WORDS];

	(void)snprintf(at, sizeof(at), "%s", why->words[0] ? why->words : "session");
	(void)snprintf(why->words, sizeof(why->words), "%.*s: %s",
		(int)(sizeof(at) - sizeof(words) - 2), at, words);
	return -EFBIG;
}

static int write_all(
	struct session *s, lua_State *L, int index, struct buf *scratch, struct value_why *why)
{
	int r = 0;

	for (size_t i = 0; i < s->image.n; i++)
		s->image.keys[i].seen = false;
	lua_pushnil(L);
	while (r == 0 && lua_next(L, index)) {
		r = write_key(s, L, scratch, why);
		lua_pop(L, r == 0 ? 1 : 2);
	}
	return r == -ENOSPC ? too_large(why) : r;
}

static void remember(struct kept_key *k, const uint8_t *bytes, bool whole)
{
	k->length = k->new_length;
	k->hash = hash_bytes(bytes, k->length);
	k->stem = hash_bytes(bytes, k->length - 1);
	k->whole = whole;
}

static int send_key(struct session *s, struct kept_key *k, const uint8_t *bytes)
{
	size_t kept = 0;
	int r;

	if (k->length == k->new_length && k->hash == hash_bytes(bytes, k->length))
		return 0;
	if (!k->whole && k->new_length > k->length && k->length > 1 &&
		k->stem == hash_bytes(bytes, k->length - 1))
		kept = k->length - 1;
	r = group_add(s, APP_IMAGE, IMAGE_SET, (uint32_t)kept, k->name, strlen(k->name) + 1,
		bytes + kept, k->new_length - kept);
	if (r == 0)
		remember(k, bytes, false);
	return r;
}

static void remove_key(struct image *image, size_t at)
{
	free(image->keys[at].name);
	image->n--;
	memmove(&image->keys[at], &image->keys[at + 1], (image->n - at) * sizeof(*image->keys));
}

static int send_changes(struct session *s, const struct buf *scratch, bool learn)
{
	for (size_t i = 0; i < s->image.n;) {
		struct kept_key *k = &s->image.keys[i];
		int r = 0;

		if (k->seen && learn)
			remember(k, scratch->data + k->at, true);
		else if (k->seen)
			r = send_key(s, k, scratch->data + k->at);
		else if (k->length != SIZE_MAX && !learn)
			r = group_add(s, APP_IMAGE, IMAGE_DELETE, 0, k->name, strlen(k->name) + 1,
				NULL, 0);
		if (r < 0)
			return r;
		if (k->seen)
			i++;
		else
			remove_key(&s->image, i);
	}
	return 0;
}

static int compare(struct session *s, lua_State *L, int index, bool learn, struct value_why *why)
{
	struct buf *scratch = &s->worker->scratch;
	int r;

	why->words[0] = '\0';
	lua_pushnil(L);
	if (s->image.n == 0 && !lua_next(L, index))
		return 0; /* nothing was there and nothing is */
	lua_settop(L, index);
	buf_clear(scratch);
	scratch->max = SESSION_IMAGE_MAX;
	r = write_all(s, L, index, scratch, why);
	if (r == 0)
		r = send_changes(s, scratch, learn);
	lua_settop(L, index);
	if (scratch->cap > SCRATCH_KEEP)
		buf_done(scratch);
	if (r < 0 && !why->words[0])
		(void)refuse(why, r,
			r == -EFBIG ? "the changes of this event are over 7 MiB" : "out of memory");
	return r;
}

int image_send(struct session *s, lua_State *L, int index, struct value_why *why)
{
	return compare(s, L, lua_absindex(L, index), false, why);
}

int image_learn(struct session *s, lua_State *L, int index, struct value_why *why)
{
	return compare(s, L, lua_absindex(L, index), true, why);
}

void image_free(struct image *image)
{
	for (size_t i = 0; i < image->n; i++)
		free(image->keys[i].name);
	free(image->keys);
	*image = (struct image){0};
}
