/* One tokenizer per kind, and what the library `tokenizers` makes of a few texts with it:
 * tests/oracle/equal_tokenizers.py --fixture writes the file. */
#include "tests/unit/inference/known.h"

static const char fixture[] = "tests/unit/inference/data/tokenizers.json";

/* row: the text, its ids, its places in one row, and its types and special tokens as digits. */
static bool same_tokens(const json_t *row, const struct tokens *got)
{
	const json_t *ids = json_array_get(row, 1), *places = json_array_get(row, 2);
	const char *types = json_string_value(json_array_get(row, 3));
	const char *special = json_string_value(json_array_get(row, 4));
	bool same = json_array_size(ids) == got->n && json_array_size(places) == 2 * got->n &&
		    strlen(types) == got->n && strlen(special) == got->n;

	for (size_t i = 0; same && i < got->n; i++) {
		const struct token_at *at = &got->at[i];

		same = got->ids[i] == json_integer_value(json_array_get(ids, i)) &&
		       at->from == json_integer_value(json_array_get(places, 2 * i)) &&
		       at->to == json_integer_value(json_array_get(places, 2 * i + 1)) &&
		       at->type == types[i] - '0' && at->special == (special[i] == '1');
	}
	return same;
}

/* The text is a string, or a pair of them. */
static bool same(struct tokenizer *t, const json_t *row)
{
	const json_t *text = json_array_get(row, 0);
	const json_t *parts[2] = {
		json_is_array(text) ? json_array_get(text, 0) : text, json_array_get(text, 1)};
	const struct encode_options options = {.framed = true};
	struct tokens got = {.max = 100000, .want_at = true};
	struct encode_text texts[2];
	struct err e = {0};
	bool ok;

	for (size_t i = 0; i < 2; i++)
		texts[i] = (struct encode_text){
			json_string_value(parts[i]), json_string_length(parts[i])};
	ok = tokenizer_encode_texts(t, texts, parts[1] ? 2 : 1, &options, &got, NULL, &e) == 0 &&
	     same_tokens(row, &got);
	tokens_done(&got);
	return ok;
}

TEST(every_kind_of_tokenizer_gives_the_librarys_tokens_and_places)
{
	json_t *kinds = known_json(fixture), *kind, *row;
	size_t i, j;
	int bad = 0;

	CHECK(json_array_size(kinds) > 15);
	json_array_foreach(kinds, i, kind)
	{
		const char *name = json_string_value(json_object_get(kind, "kind"));
		struct tokenizer *t = NULL;
		struct err e = {0};

		if (tokenizer_new(json_object_get(kind, "tokenizer"), &t, &e) < 0)
			fprintf(stderr, "%s: %s\n", name, e.text);
		CHECK(t);
		json_array_foreach(json_object_get(kind, "texts"), j, row)
		{
			if (same(t, row))
				continue;
			fprintf(stderr, "%s: text %zu differs\n", name, j);
			bad++;
		}
		tokenizer_free(t);
	}
	CHECK(bad == 0);
	json_decref(kinds);
}

TEST_MAIN()
