#include "inference/tokenizers/tokenizer.h"

#include <errno.h>

#include "base/buf.h"
#include "tests/support/test.h"

/* Tokens a..e, a space (Ġ), and é's two bytes (Ã ©); "abc" by merges, one special token. */
static const char bpe[] =
	"{\"added_tokens\":[{\"id\":20,\"content\":\"<|end|>\",\"special\":true},"
	"{\"id\":21,\"content\":\"<tool>\",\"special\":false,\"lstrip\":true,\"rstrip\":true}],"
	"\"normalizer\":null,"
	"\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
	"\"post_processor\":{\"type\":\"ByteLevel\"},"
	"\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"d\":3,\"e\":4,"
	"\"\xc4\xa0\":5,"
	"\"\xc3\x83\":6,\"\xc2\xa9\":7,\"ab\":8,\"bc\":9,\"abc\":10,\"\xc4\xa0"
	"ab\":11,\"<\":12,\">\":13},"
	"\"merges\":[\"a b\",[\"b\",\"c\"],\"ab c\",\"\xc4\xa0 ab\"]}}";

static const char wordpiece[] =
	"{\"added_tokens\":[{\"id\":0,\"content\":\"[CLS]\",\"special\":true},"
	"{\"id\":1,\"content\":\"[SEP]\",\"special\":true}],"
	"\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true,\"strip_accents\":null},"
	"\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
	"\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
	"{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_"
	"id\":0}},"
	"{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}}],\"special_tokens\":{"
	"\"[CLS]\":{\"ids\":[0]},\"[SEP]\":{\"ids\":[1]}}},"
	"\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"vocab\":{\"[CLS]\":0,\"[SEP]"
	"\":1,"
	"\"[UNK]\":2,\"un\":3,\"##aff\":4,\"##able\":5,\"cafe\":6,\"!\":7,\"\xe4\xbd\xa0\":8}}}";

/* The same words with a template for pairs, lower case and without accents. */
static const char pair[] =
	"{\"added_tokens\":[{\"id\":0,\"content\":\"[CLS]\",\"special\":true},"
	"{\"id\":1,\"content\":\"[SEP]\",\"special\":true}],"
	"\"normalizer\":{\"type\":\"BertNormalizer\"},"
	"\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
	"\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"[CLS]\",0],\"sep\":[\"[SEP]\","
	"1]},"
	"\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[CLS]\":0,\"[SEP]\":1,\"[UNK]\":2,"
	"\"un\":3,\"ete\":4,\"!\":5}}}";

static struct tokenizer *read_good(const char *json)
{
	struct tokenizer *t = NULL;
	struct err e = {0};

	if (tokenizer_read(json, strlen(json), &t, &e) < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(t);
	return t;
}

/* ids: ended by -1. */
static void check(struct tokenizer *t, const char *text, bool framed, const int *ids)
{
	struct tokens got = {.max = 100};
	size_t n = 0;

	CHECK(tokenizer_encode(t, text, strlen(text), framed, &got, NULL) == 0);
	while (ids[n] >= 0)
		n++;
	if (got.n != n)
		fprintf(stderr, "'%s' gave %zu tokens\n", text, got.n);
	CHECK(got.n == n);
	for (size_t i = 0; i < n; i++)
		CHECK(got.ids[i] == (uint32_t)ids[i]);
	tokens_done(&got);
}

#define IDS(...) ((const int[]){__VA_ARGS__, -1})

TEST(bpe_merges_by_rank)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(bpe);

	check(t, "abc", false, IDS(10));
	check(t, "bcabc", false, IDS(9, 10)); /* one piece: b+c has a higher rank than ab+c */
	check(t, "ab ab", false, IDS(8, 11));
	check(t, "  ab", false, IDS(5, 11));
	check(t, "\xc3\xa9", false, IDS(6, 7));
	check(t, "", false, IDS(-1));
	check(t, "xaz", false,
		IDS(0)); /* bytes without a token are left out, as there is no unknown */
}

TEST(added_tokens_are_found_in_text_and_take_their_spaces)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(bpe);
	size_t n;

	check(t, "a<|end|>b", false, IDS(0, 20, 1));
	check(t, "a <tool> b", false, IDS(0, 21, 1));
	CHECK(tokenizer_find(t, "<|end|>") == 20 && tokenizer_find(t, "nothing") == UINT32_MAX);
	CHECK(!tokenizer_text(t, 20, &n)); /* a special token is no text */
	CHECK(!strncmp(tokenizer_text(t, 21, &n), "<tool>", n));
	CHECK(!strncmp(tokenizer_text(t, 11, &n), " ab", n) && n == 3);
	CHECK(tokenizer_text(t, 6, &n)[0] == '\xc3' && n == 1);
	CHECK(!tokenizer_text(t, 15, &n) && !tokenizer_text(t, 1000, &n));
}

TEST(defused_text_holds_no_special_token)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(bpe);
	CLEANUP(buf_done) struct buf b;
	const char *text = "a<|end|>" TOKENIZER_BREAK "b<" TOKENIZER_BREAK "|end|>";

	buf_init(&b, 1000);
	CHECK(tokenizer_defuse(t, text, strlen(text), &b) == 0);
	check(t, buf_str(&b), false, IDS(0, 12, 4, 3, 13, 1, 12, 4, 3, 13));
	/* The middle of the token's letters has no tokens here: n is not in the vocabulary. */
}

TEST(wordpiece_takes_the_longest_and_frames)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(wordpiece);

	check(t, "Unaffable CAF\xc3\x89!", true, IDS(0, 3, 4, 5, 6, 7, 1));
	check(t, "unx", false, IDS(2));
	check(t, "\xe4\xbd\xa0\xe4\xbd\xa0", false, IDS(8, 8));
	check(t, "", true, IDS(0, 1));
	check(t, "un[SEP]un", false, IDS(3, 1, 3));
}

/* Llama 2's: a space for "▁" but not at the beginning, and bytes for what has no token. */
TEST(tokens_become_text_one_by_one)
{
	CLEANUP(tokenizer_freep)
	struct tokenizer *t =
		read_good("{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true}],"
			  "\"decoder\":{\"type\":\"Sequence\",\"decoders\":["
			  "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xe2\x96\x81\"},"
			  "\"content\":\" \"},"
			  "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},"
			  "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]},"
			  "\"model\":{\"type\":\"BPE\",\"vocab\":{\"\xe2\x96\x81hi\":1,\"<0xC3>\":"
			  "2,\"<0xA9>\":3},"
			  "\"merges\":[]}}");
	static const uint32_t ids[] = {0, 1, 1, 2, 3};
	struct decoding text = {0};
	CLEANUP(buf_done) struct buf out;
	size_t n = 0;

	buf_init(&out, 100);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		CHECK(tokenizer_decode(t, &text, ids[i], &out) == 0);
	CHECK(!strcmp(buf_str(&out), "hi hi\xc3\xa9"));
	CHECK(!strncmp(tokenizer_text(t, 1, &n), " hi", n) && n == 3);
	CHECK(!strncmp(tokenizer_text(t, 2, &n), "\xc3", n) && n == 1);
	CHECK(!tokenizer_text(t, 0, &n));
}

TEST(limits_and_bad_text_are_refused)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(bpe);
	struct tokens few = {.max = 2};
	struct err e = {0};

	CHECK(tokenizer_encode(t, "a a a", 5, false, &few, &e) == -EMSGSIZE);
	CHECK(!strcmp(e.text, "more than 2 tokens"));
	few.n = 0;
	CHECK(tokenizer_encode(t, "\xff", 1, false, &few, NULL) == -EINVAL);
	CHECK(tokenizer_encode(t, "\xc3", 1, false, &few, NULL) == -EINVAL);
	tokens_done(&few);
}

TEST(a_long_word_costs_n_log_n)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(bpe);
	size_t n = 200000;
	char *text = malloc(n);
	struct tokens out = {.max = n};

	for (size_t i = 0; i < n; i++)
		text[i] = "abc"[i % 3];
	CHECK(tokenizer_encode(t, text, n, false, &out, NULL) ==
		0); /* quadratic would take hours */
	CHECK(out.n == (n + 2) / 3);
	tokens_done(&out);
	free(text);
}

static const struct refused {
	const char *json, *words;
} refused[] = {
	{"", "JSON"},
	{"[]", "model"},
	{"{}", "model"},
	{"{\"model\":{\"type\":\"WordLevel\",\"vocab\":{}}}", "'WordLevel' is not supported"},
	{"{\"model\":{\"type\":\"Unigram\",\"vocab\":{}}}", "must be an array"},
	{"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", "token 0 has no score"},
	{"{\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"a\",-1]]}}", "unk_id"},
	{"{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", "merges: must be an array"},
	{"{\"normalizer\":{\"type\":\"Sideways\"},\"model\":{}}", "normalizer 'Sideways'"},
	{"{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"},\"model\":"
	 "{}}",
		"not base64 of a table"},
	{"{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////wAA\"},"
	 "\"model\":{}}",
		"cut short"},
	{"{\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"},\"model\":{}}",
		"pre_tokenizer 'UnicodeScripts'"},
	{"{\"pre_tokenizer\":{\"type\":\"Metaspace\"},\"model\":{}}", "replacement"},
	{"{\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":"
	 "\"(\"}},"
	 "\"model\":{}}",
		"expression, byte 1"},
	{"{\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Sideways\",\"pattern\":{"
	 "\"Regex\":"
	 "\"a\"}},\"model\":{}}",
		"behavior 'Sideways'"},
	{"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":"
	 "-1}}}",
		"outside 0 to"},
	{"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":"
	 "1e9}}}",
		"outside 0 to"},
	{"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":"
	 "9999999}}}",
		"outside 0 to"},
	{"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":"
	 "0,\"b\":"
	 "0},\"merges\":[]}}",
		"taken twice"},
	{"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":"
	 "0},"
	 "\"merges\":[\"a b\"]}}",
		"outside the vocabulary"},
	{"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":"
	 "0},"
	 "\"merges\":[\"ab\"]}}",
		"must be two tokens"},
	{"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":"
	 "0},"
	 "\"merges\":[],\"dropout\":0.1}}",
		"dropout"},
	{"{\"decoder\":{\"type\":\"CTC\"},\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}",
		"decoder 'CTC'"},
	{"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}", "unk_token"},
	{"{\"added_tokens\":[{\"id\":0,\"content\":\"\"}],\"model\":{\"type\":\"WordPiece\","
	 "\"vocab\":{"
	 "\"[UNK]\":1}}}",
		"is empty"},
	{"{\"added_tokens\":[{\"id\":1,\"content\":\"x\"}],\"model\":{\"type\":\"WordPiece\","
	 "\"vocab\":{"
	 "\"[UNK]\":1}}}",
		"another spelling"},
	{"{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{"
	 "\"id\":\"s\"}}],"
	 "\"special_tokens\":{\"s\":{\"ids\":[7]}}},\"model\":{\"type\":\"WordPiece\",\"vocab\":{"
	 "\"[UNK]\":1}}}",
		"unknown token"},
};

TEST(what_is_broken_or_unsupported_is_named)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct tokenizer *t = NULL;
		struct err e = {0};
		int r = tokenizer_read(refused[i].json, strlen(refused[i].json), &t, &e);

		if (r >= 0 || !strstr(e.text, refused[i].words))
			fprintf(stderr, "%s: %d '%s'\n", refused[i].json, r, e.text);
		CHECK(r < 0 && !t && strstr(e.text, refused[i].words));
	}
}

/* Two texts, the longer of which gives way; places are code points. */
TEST(a_pair_is_framed_and_fits)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(pair);
	const struct encode_text texts[] = {{"un \xc3\xa9t\xc3\xa9!", 8}, {"un un un", 8}};
	const struct encode_options options = {.framed = true, .fit = FIT_LONGEST};
	const struct token_at want[] = {{0, 0, UINT32_MAX, 0, 0, true}, {0, 2, 0, 0, 0, false},
		{3, 6, 1, 0, 0, false}, {0, 0, UINT32_MAX, 0, 0, true}, {0, 2, 0, 1, 1, false},
		{3, 5, 1, 1, 1, false}, {0, 0, UINT32_MAX, 1, 0, true}};
	struct tokens out = {.max = 7, .want_at = true};
	bool more = false;

	CHECK(tokenizer_encode_texts(t, texts, 2, &options, &out, &more, NULL) == 0);
	CHECK(more && out.n == 7);
	for (size_t i = 0; i < 7; i++) {
		const struct token_at *a = &out.at[i], *b = &want[i];

		CHECK(a->from == b->from && a->to == b->to && a->word == b->word &&
			a->type == b->type && a->text == b->text && a->special == b->special);
	}
	tokens_done(&out);
}

TEST(the_second_of_a_pair_is_read_in_parts)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(pair);
	const struct encode_text texts[] = {{"un", 2}, {"un ete ! un", 11}};
	struct encode_options options = {.framed = true, .fit = FIT_SECOND};
	struct tokens out = {.max = 6, .want_at = true};
	bool more = false;

	CHECK(tokenizer_encode_texts(t, texts, 2, &options, &out, &more, NULL) == 0);
	CHECK(more && out.n == 6 && out.at[3].from == 0 && out.at[4].from == 3);
	out.n = 0;
	options.skip = 2;
	CHECK(tokenizer_encode_texts(t, texts, 2, &options, &out, &more, NULL) == 0);
	CHECK(!more && out.n == 6 && out.at[3].from == 7 && out.at[4].from == 9);
	out.n = 0;
	options.fit = FIT_NOT;
	options.skip = 0;
	CHECK(tokenizer_encode_texts(t, texts, 2, &options, &out, NULL, NULL) == -EMSGSIZE);
	out.max = 3;
	options.fit = FIT_SECOND;
	CHECK(tokenizer_encode_texts(t, texts, 2, &options, &out, NULL, NULL) == -EMSGSIZE);
	tokens_done(&out);
}

/* The special token is looked for in normalized text, where its letters can come about. */
TEST(what_the_normalizer_would_make_special_is_defused)
{
	CLEANUP(tokenizer_freep)
	struct tokenizer *t = read_good(
		"{\"added_tokens\":[{\"id\":5,\"content\":\"<S>\",\"special\":true,\"normalized\":"
		"true}],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},"
		"{\"type\":\"Lowercase\"}]},\"pre_tokenizer\":{\"type\":\"FixedLength\",\"length\":"
		"1},"
		"\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":0,\"<\":1,\"s\":2,\">\":3}}"
		"}");
	const char *const texts[] = {"<s>", "<S>", "\xef\xbc\x9cs>", "<\xef\xbd\x93>", "<<s>>"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(buf_done) struct buf safe;
		struct tokens out = {.max = 100};

		buf_init(&safe, 1000);
		check(t, texts[i], false, i == 4 ? IDS(1, 5, 3) : IDS(5));
		CHECK(tokenizer_defuse(t, texts[i], strlen(texts[i]), &safe) == 0);
		check(t, buf_str(&safe), false, i == 4 ? IDS(1, 1, 2, 3, 3) : IDS(1, 2, 3));
		tokens_done(&out);
	}
}

TEST(an_expression_that_explodes_is_stopped)
{
	CLEANUP(tokenizer_freep)
	struct tokenizer *t = read_good(
		"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
		"\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"(a+)+$\"}},"
		"{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]},"
		"\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}");
	struct tokens out = {.max = 1000};
	struct err e = {0};

	CHECK(tokenizer_encode(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 41, false, &out,
		      &e) == -ETIME);
	CHECK(strstr(e.text, "takes too long"));
	tokens_done(&out);
}

TEST(the_longest_token_counts_of_those_that_fit)
{
	CLEANUP(tokenizer_freep)
	struct tokenizer *t = read_good(
		"{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{\"type\":\"WordPiece\","
		"\"vocab\":{\"[UNK]\":0,\"a\":1,\"abc\":2,\"##b\":3,\"##bcd\":4,\"##\":5,\"#\":6,"
		"\"##\xc3\xa9\":7,\"##d\":8}}}");

	check(t, "abcd abd abde a\xc3\xa9 # ##b a##b", false,
		IDS(2, 8, 1, 3, 8, 0, 1, 7, 6, 5, 0, 1, 5, 0));
}

/* As a question is with each part of a long text. */
TEST(a_text_that_comes_again_is_read_once)
{
	CLEANUP(tokenizer_freep) struct tokenizer *t = read_good(pair);
	struct tokens kept = {0};
	struct encode_text texts[] = {{"un ete", 6, &kept}, {"!", 1, NULL}};
	const struct encode_options options = {.framed = true};
	struct tokens out = {.max = 100};

	CHECK(tokenizer_encode_texts(t, texts, 2, &options, &out, NULL, NULL) == 0);
	CHECK(out.n == 6 && kept.n == 2);
	out.n = 0;
	texts[0].s = "! ! !!";
	CHECK(tokenizer_encode_texts(t, texts, 2, &options, &out, NULL, NULL) == 0);
	CHECK(out.n == 6 && out.ids[1] == 3 && out.ids[2] == 4);
	tokens_done(&out);
	tokens_done(&kept);
}

TEST_MAIN()
