/* Grammars and schemas: what they let through, what they refuse, and how a matcher follows them. */
#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "inference/grammars/matcher.h"
#include "tests/support/test.h"

static struct grammar *text(const char *of)
{
	struct grammar *g = NULL;
	struct err e = {0};

	if (grammar_from_text(of, strlen(of), &g, &e) < 0)
		fprintf(stderr, "%s: %s\n", of, e.text);
	CHECK(g);
	return g;
}

static struct grammar *schema(const char *of)
{
	json_t *v = json_loads(of, JSON_DECODE_ANY, NULL);
	struct grammar *g = NULL;
	struct err e = {0};

	CHECK(v);
	if (grammar_from_schema(v, &g, &e) < 0)
		fprintf(stderr, "%s: %s\n", of, e.text);
	CHECK(g);
	json_decref(v);
	return g;
}

static bool accepts(const struct grammar *g, const char *what)
{
	struct matcher *m = matcher_new(g);
	bool ok = true;

	CHECK(m);
	for (size_t i = 0; ok && what[i]; i++) {
		ok = matcher_tries(m, what + i, 1, UINT32_MAX - 1);
		CHECK(matcher_takes(m, what + i, 1) == ok);
		CHECK(!ok || matcher_ends(m) == (matcher_least(m) == 0));
	}
	ok = ok && matcher_ends(m);
	/* In one piece it comes to the same. */
	if (what[0] && strlen(what) <= MATCHER_TOKEN_MAX) {
		struct matcher *whole = matcher_new(g);

		CHECK(matcher_tries(whole, what, strlen(what), 0) == ok);
		matcher_free(whole);
	}
	matcher_free(m);
	return ok;
}

/* Texts apart by "~": those before "~~" are let through, those after it are not. */
static void check(struct grammar *g, const char *const *yes, const char *const *no)
{
	for (; *yes; yes++) {
		if (!accepts(g, *yes))
			fprintf(stderr, "refused: %s\n", *yes);
		CHECK(accepts(g, *yes));
	}
	for (; *no; no++) {
		if (accepts(g, *no))
			fprintf(stderr, "let through: %s\n", *no);
		CHECK(!accepts(g, *no));
	}
	grammar_free(g);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

TEST(a_grammar_in_words_lets_through_what_it_says)
{
	check(text("root ::= \"a\" (\"b\" | \"c\")+ \"d\"? # end\n"), LIST("ab", "acbd"),
		LIST("", "a", "ad", "abdd", "b"));
	check(text("root ::= item{2,3}\nitem ::= [0-9] \".\""), LIST("1.2.", "1.2.3."),
		LIST("1.", "1.2.3.4.", "12"));
	check(text("digits ::= [0-9]{2}\nroot ::= digits \"-\" digits\n  | \"none\""),
		LIST("12-34", "none"), LIST("1-23", "12-3", "non"));
	check(text("root ::= \"(\" root \")\" | \"x\""), LIST("x", "((x))"),
		LIST("(x", "()", "x)"));
	check(text("root ::= [^a-c\\n]* \"c\""), LIST("xyzc", "é…😀c", "c"), LIST("ac", "x\nc"));
	check(text("root ::= \"\\x41\\u00e9\\t\\\"\" ."), LIST("A\u00e9\t\"😀", "A\u00e9\t\"z"),
		LIST("A\u00e9\t\"", "A\xc3\t\"z"));
	check(text("root ::= [à-ÿ]+"), LIST("éàÿ"), LIST("e", "ß", "\xc3", "Ā"));
	check(text("root ::= list\nlist ::= \"a\" | \"a\" \",\" list"), LIST("a", "a,a,a"),
		LIST("a,", ",a"));
}

static void refused(const char *of, int r, const char *words)
{
	struct grammar *g = NULL;
	struct err e = {0};

	CHECK(grammar_from_text(of, strlen(of), &g, &e) == r);
	if (!strstr(e.text, words))
		fprintf(stderr, "%s: %s\n", of, e.text);
	CHECK(!g && strstr(e.text, words));
}

TEST(a_grammar_that_cannot_be_followed_is_refused_with_words)
{
	refused("", -EINVAL, "there is no rule 'root'");
	refused("root ::= x", -EINVAL, "there is no rule 'x'");
	refused("root ::= root \"a\" | \"b\"", -EINVAL, "rule 'root' can begin with itself");
	refused("root ::= a\na ::= \"x\"? b\nb ::= a \"c\" | \"d\"", -EINVAL, "begin with itself");
	refused("root ::= (\"a\"?)*", -EINVAL, "begin with itself");
	refused("root ::= \"a\" root", -EINVAL, "rule 'root' never ends");
	refused("root ::= \"a", -EINVAL, "line 1");
	refused("root ::= \"a\"\nroot ::= \"b\"", -EINVAL, "line 2: the rule is there already");
	refused("root ::= \"\\q\"", -EINVAL, "no such escape");
	refused("root ::= \"\\", -EINVAL, "line 1");
	refused("root ::= [z-a]", -EINVAL, "runs backwards");
	refused("root ::= \"a\"{5000}", -EMSGSIZE, "limit is 4000");
	refused("root ::= (\"a\"", -EINVAL, "line 1");
	refused("root ::= \"\\ud800\"", -EINVAL, "no such character");
}

TEST(a_schema_lets_through_values_that_it_holds_valid)
{
	check(schema("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},"
		     "\"b\":{\"type\":\"string\"}},\"required\":[\"a\"],"
		     "\"additionalProperties\":false}"),
		LIST("{\"a\":1}", "{\"a\": -20, \"b\": \"x\"}", "{\n  \"a\":0,\"b\":\"\"}"),
		LIST("{}", "{\"b\":\"x\"}", "{\"a\":1.5}", "{\"a\":01}", "{\"a\":1,\"c\":2}",
			"{\"a\":1,}", "{\"a\":1", "{\"b\":\"x\",\"a\":1}"));
	check(schema("{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":1,"
		     "\"maxItems\":2}"),
		LIST("[true]", "[false, true]"), LIST("[]", "[true,true,true]", "[1]", "[true,]"));
	check(schema("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}"),
		LIST("\"ab\"", "\"äöü\"", "\"\\n\\\"\"", "\"\\u000a1\""),
		LIST("\"a\"", "\"abcd\"", "\"a\nb\"", "\"\\u0000a\"", "\"ab"));
	check(schema("{\"enum\":[\"red\",\"green\",3,null]}"),
		LIST("\"red\"", "\"green\"", "3", "null"), LIST("red", "\"re\"", "33"));
	check(schema("{\"const\":{\"a\":[1]}}"), LIST("{\"a\":[1]}"), LIST("{\"a\":[2]}"));
	check(schema("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"number\"}]}"),
		LIST("null", "1.5", "-0.25e+10", "0"), LIST("\"a\"", ".5", "1.", "1e"));
	check(schema("{\"type\":[\"string\",\"null\"]}"), LIST("\"\"", "null"), LIST("1"));
	check(schema("{\"$ref\":\"#/$defs/tree\",\"$defs\":{\"tree\":{\"type\":\"object\","
		     "\"properties\":{\"of\":{\"type\":\"array\",\"items\":{\"$ref\":"
		     "\"#/$defs/tree\"}}},\"required\":[\"of\"]}}}"),
		LIST("{\"of\":[]}", "{\"of\":[{\"of\":[{\"of\":[]},{\"of\":[]}]}]}"),
		LIST("{\"of\":[1]}", "{}"));
	check(schema("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}"),
		LIST("{}", "{\"x\":1,\"y\":2}"), LIST("{\"x\":\"1\"}", "{x:1}"));
	check(schema("true"), LIST("{\"a\":[1,{\"b\":null}]}", "[]", "\"x\"", "1e9"),
		LIST("", "nul"));
}

TEST(other_keys_are_never_those_of_a_property)
{
	check(schema("{\"properties\":{\"a\":{\"const\":1},\"ab\":{\"const\":2},\"b\\u00e9\":{"
		     "\"const\":3}},"
		     "\"additionalProperties\":{\"const\":9}}"),
		LIST("{\"a\":1}", "{\"a\":1,\"ab\":2,\"abc\":9,\"\":9}", "{\"x\":9}", "{\"b\":9}",
			"{\"ac\":9}", "{}"),
		LIST("{\"a\":9}", "{\"ab\":9}", "{\"a\":1,\"a\":9}", "{\"b\u00e9\":9}",
			"{\"\\u0061\":9}"));
	check(schema("{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\",\"z\"],"
		     "\"additionalProperties\":true}"),
		LIST("{\"a\":1,\"z\":[]}", "{\"a\":1,\"z\":0,\"y\":0}"), LIST("{\"a\":1}"));
}

TEST(a_schema_that_is_not_supported_is_refused_with_its_place)
{
	static const struct {
		const char *schema, *words;
		int r;
	} cases[] = {
		{"{\"properties\":{\"age\":{\"multipleOf\":2}}}",
			"schema.properties.age: 'multipleOf' is not supported", -ENOTSUP},
		{"{\"items\":{\"oneOf\":[]}}", "schema.items: 'oneOf'", -ENOTSUP},
		{"{\"$ref\":\"#/$defs/no\"}", "points to nothing", -EINVAL},
		{"{\"$ref\":\"#\"}", "never ends", -EINVAL},
		{"{\"$ref\":\"http://x/y\"}", "points to nothing", -EINVAL},
		{"{\"type\":\"thing\"}", "is none of JSON schema's", -EINVAL},
		{"{\"type\":\"array\",\"minItems\":3,\"maxItems\":2}", "is above maxItems",
			-EINVAL},
		{"{\"type\":\"string\",\"maxLength\":100000}", "over the limit of 4000", -EMSGSIZE},
		{"{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "never ends",
			-EINVAL},
		{"{\"required\":[\"a\"],\"additionalProperties\":false,\"properties\":{}}",
			"no property is", -EINVAL},
		{"[]", "must be an object", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *v = json_loads(cases[i].schema, 0, NULL);
		struct grammar *g = NULL;
		struct err e = {0};

		CHECK(v);
		if (grammar_from_schema(v, &g, &e) != cases[i].r || !strstr(e.text, cases[i].words))
			fprintf(stderr, "%s: %s\n", cases[i].schema, e.text);
		CHECK(!g && e.code == cases[i].r && strstr(e.text, cases[i].words));
		json_decref(v);
	}
}

/* --- all tokens at once --- */

static uint32_t allowed[512], n_allowed;

static void on_allowed(uint32_t token, void *data)
{
	(void)data;
	allowed[n_allowed++] = token;
}

TEST(all_tokens_at_once_are_those_that_pass_alone)
{
	static const char *const words[] = {"{", "}", "{\"", "\"", "\":", "a", "ab", "abc", "b",
		"\"a\"", "\"a\":", ":", " ", "  ", "1", "12", "1}", ",", ", ", "true", "t", "tr",
		"e", "\n", "\"}", "x", "\\", "\\n", "[", "]", "[]", "[1]", "null", "\xc3", "\xa9",
		"0", "-", "-1", ".", ".5"};
	enum { WORDS = sizeof(words) / sizeof(words[0]), N = WORDS + 256 };
	static char bytes[256];
	struct spelling of[N];
	struct lexicon *l;
	struct grammar *g = schema("{\"properties\":{\"a\":true,\"ab\":{\"type\":\"string\"}},"
				   "\"additionalProperties\":{\"type\":\"array\"}}");
	uint64_t state = 1;

	for (uint32_t i = 0; i < WORDS; i++)
		of[i] = (struct spelling){words[i], (uint32_t)strlen(words[i])};
	for (uint32_t i = 0; i < 256; i++) {
		bytes[i] = (char)i;
		of[WORDS + i] = (struct spelling){&bytes[i], 1};
	}
	l = lexicon_new(of, N);
	CHECK(l);
	for (int run = 0; run < 200; run++) {
		struct matcher *m = matcher_new(g);

		for (uint32_t left = 40; !matcher_is_done(m); left--) {
			uint32_t n = 0, chosen;

			CHECK(matcher_least(m) <= left);
			n_allowed = 0;
			matcher_each(m, l, left - 1, on_allowed, NULL);
			for (uint32_t i = 0; i < N; i++) {
				bool there = false;

				for (uint32_t j = 0; j < n_allowed; j++)
					there = there || allowed[j] == i;
				CHECK(there == matcher_tries(m, of[i].bytes, of[i].n, left - 1));
				n += there;
			}
			CHECK(n == n_allowed && n > 0); /* it can always end in time */
			state = state * 6364136223846793005u + 1442695040888963407u;
			chosen = allowed[(state >> 33) % n];
			CHECK(matcher_takes(m, of[chosen].bytes, of[chosen].n));
		}
		CHECK(matcher_ends(m));
		matcher_free(m);
	}
	lexicon_free(l);
	grammar_free(g);
}

TEST(depth_and_ambiguity_are_bounded)
{
	struct grammar *g = text("root ::= a a a a a a a a\na ::= [x]{0,500} | [x]{0,400} b\n"
				 "b ::= \"(\" b \")\" | \"x\"{1,300}");
	struct matcher *m = matcher_new(g);

	for (int i = 0; i < 2000; i++)
		if (!matcher_takes(m, "x", 1))
			break;
	matcher_free(m);
	grammar_free(g);
	g = text("root ::= \"(\" root \")\" root | \"x\"");
	m = matcher_new(g);
	for (int i = 0; i < 9000; i++)
		(void)matcher_takes(m, "(", 1);
	CHECK(!matcher_ends(m) && matcher_least(m) > 1000);
	matcher_free(m);
	grammar_free(g);
}

/* n rules, each a byte longer than another, written down in one of three orders. Returns the
 * thread's time for it in *ret_usec. */
static struct grammar *chain(uint32_t n, int order, uint64_t *ret_usec)
{
	CLEANUP(buf_done) struct buf b;
	struct grammar *g;
	uint64_t from;

	buf_init(&b, GRAMMAR_TEXT_MAX);
	CHECK(buf_addf(&b, "root ::= r%u root | r%u \"!\"\n", n, n) == 0);
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t rule = order == 0 ? i : order == 1 ? n + 1 - i : i * 7919 % n + 1;

		if (rule == 1)
			CHECK(buf_add_str(&b, "r1 ::= \"\" | [x]\n") == 0);
		else
			CHECK(buf_addf(&b, "r%u ::= [a] r%u\n", rule, rule - 1) == 0);
	}
	from = clock_thread_usec();
	g = text(buf_str(&b));
	*ret_usec = clock_thread_usec() - from;
	return g;
}

TEST(the_shortest_text_is_found_in_any_order_of_rules)
{
	for (int order = 0; order < 3; order++) {
		uint64_t usec;
		struct grammar *g = chain(1000, order, &usec);

		CHECK(grammar_least(g) == 1000);
		grammar_free(g);
	}
}

/* Eight times as many took sixty times as long while it went round until nothing changed. */
TEST(many_rules_in_no_order_do_not_take_forever)
{
	uint64_t best[2] = {UINT64_MAX, UINT64_MAX};

	for (int i = 0; i < 10; i++) {
		uint64_t usec;

		grammar_free(chain(i % 2 ? 2500 : 312, 2, &usec));
		best[i % 2] = usec < best[i % 2] ? usec : best[i % 2];
	}
	printf("312 rules %u us, 2500 %u\n", (unsigned)best[0], (unsigned)best[1]);
	CHECK(best[1] < 25 * (best[0] + 20));
}

TEST_MAIN()
