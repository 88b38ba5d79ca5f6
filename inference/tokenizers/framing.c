#include "inference/tokenizers/framing.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "inference/tokenizers/vocab.h"

#define TYPE_MAX 255

/* What has been read so far. */
struct reader {
	struct framing *framing;
	uint32_t size;
	bool placed; /* some step has said where the tokens go */
};

static int add(struct reader *r, bool pair, struct framing_part part, struct err *e)
{
	struct framing_part *list = pair ? r->framing->pair : r->framing->single;
	size_t *n = pair ? &r->framing->n_pair : &r->framing->n_single;

	if (*n == FRAMING_PARTS_MAX)
		return err_set(e, -EMSGSIZE, "post_processor: over %d parts", FRAMING_PARTS_MAX);
	if (!part.text && part.id >= r->size)
		return err_set(e, -EBADMSG, "post_processor: names an unknown token");
	list[(*n)++] = part;
	return 0;
}

static int read_id(const json_t *v, uint32_t *ret)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= VOCAB_MAX)
		return -EBADMSG;
	*ret = (uint32_t)json_integer_value(v);
	return 0;
}

static int add_specials(struct reader *r, bool pair, const json_t *ids, uint8_t type, struct err *e)
{
	const json_t *v;
	size_t i;

	json_array_foreach(ids, i, v)
	{
		struct framing_part part = {.type = type};
		int s = read_id(v, &part.id);

		if (s < 0)
			return err_set(e, s, "post_processor: names an unknown token");
		s = add(r, pair, part, e);
		if (s < 0)
			return s;
	}
	return 0;
}

/* {"SpecialToken": {"id", "type_id"}} or {"Sequence": {"id": "A" or "B", "type_id"}} */
static int read_piece(
	struct reader *r, bool pair, const json_t *item, const json_t *specials, struct err *e)
{
	const json_t *special = json_object_get(item, "SpecialToken");
	const json_t *piece = special ? special : json_object_get(item, "Sequence");
	const char *id;
	int64_t type;

	if (json_get_str(piece, "id", VOCAB_TOKEN_MAX, &id, e) < 0 ||
		json_opt_int(piece, "type_id", 0, TYPE_MAX, 0, &type, e) < 0)
		return err_set(
			e, -EBADMSG, "post_processor: a part must be a SpecialToken or a Sequence");
	if (!special)
		return add(r, pair,
			(struct framing_part){
				.text = true, .id = !strcmp(id, "B"), .type = (uint8_t)type},
			e);
	return add_specials(
		r, pair, json_object_get(json_object_get(specials, id), "ids"), (uint8_t)type, e);
}

static int read_pieces(struct reader *r, bool pair, const json_t *config, struct err *e)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(config, pair ? "pair" : "single"), i, item)
	{
		int s = read_piece(r, pair, item, json_object_get(config, "special_tokens"), e);

		if (s < 0)
			return s;
	}
	return 0;
}

static int read_template(struct reader *r, const json_t *config, struct err *e)
{
	int s = read_pieces(r, false, config, e);

	return s < 0 ? s : read_pieces(r, true, config, e);
}

static void read_trim(struct reader *r, const json_t *config)
{
	r->framing->trims = json_opt_bool(config, "trim_offsets", true);
	r->framing->prefix_space = json_opt_bool(config, "add_prefix_space", true);
}

/* Places parts: c and s are the special tokens, A and B the texts, b is B with type 1 and s
 * thereafter too. */
static int place(
	struct reader *r, bool pair, const char *parts, uint32_t cls, uint32_t sep, struct err *e)
{
	uint8_t type = 0;

	for (; *parts; parts++) {
		bool text = strchr("ABb", *parts);
		int s;

		if (*parts == 'b')
			type = 1;
		s = add(r, pair,
			(struct framing_part){.text = text,
				.id = text            ? *parts != 'A'
				      : *parts == 'c' ? cls
						      : sep,
				.type = type},
			e);
		if (s < 0)
			return s;
	}
	return 0;
}

/* "cls" and "sep" are ["[CLS]", 101]. */
static int read_named(struct reader *r, const json_t *config, bool roberta, struct err *e)
{
	uint32_t cls, sep;
	int s;

	if (read_id(json_array_get(json_object_get(config, "cls"), 1), &cls) < 0 ||
		read_id(json_array_get(json_object_get(config, "sep"), 1), &sep) < 0)
		return err_set(e, -EBADMSG, "post_processor: cls or sep names an unknown token");
	if (roberta)
		read_trim(r, config);
	s = place(r, false, "cAs", cls, sep, e);
	return s < 0 ? s : place(r, true, roberta ? "cAssBs" : "cAsbs", cls, sep, e);
}

static int read_step(struct reader *r, const json_t *config, int depth, struct err *e)
{
	const json_t *part;
	const char *type;
	size_t i;
	int s = json_get_str(config, "type", 64, &type, e);

	if (s < 0)
		return err_wrap(e, "post_processor");
	if (!strcmp(type, "Sequence") && depth == 0) {
		json_array_foreach(json_object_get(config, "processors"), i, part)
		{
			s = read_step(r, part, depth + 1, e);
			if (s < 0)
				return s;
		}
		return 0;
	}
	if (r->placed)
		return err_set(e, -ENOTSUP,
			"post_processor: '%s' after one that places special tokens is not "
			"supported",
			type);
	if (!strcmp(type, "ByteLevel")) {
		read_trim(r, config);
		return 0;
	}
	r->placed = true;
	if (!strcmp(type, "TemplateProcessing"))
		return read_template(r, config, e);
	if (!strcmp(type, "BertProcessing") || !strcmp(type, "RobertaProcessing"))
		return read_named(r, config, type[0] == 'R', e);
	return err_set(e, -ENOTSUP, "post_processor '%s' is not supported", type);
}

int framing_read(const json_t *config, uint32_t size, struct framing *ret, struct err *e)
{
	struct reader r = {.framing = ret, .size = size};
	int s = 0;

	*ret = (struct framing){0};
	if (config && !json_is_null(config))
		s = read_step(&r, config, 0, e);
	if (s < 0 || r.placed)
		return s;
	s = place(&r, false, "A", 0, 0, e);
	return s < 0 ? s : place(&r, true, "Ab", 0, 0, e);
}
