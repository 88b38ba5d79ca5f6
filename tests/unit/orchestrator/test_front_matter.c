#include "orchestrator/build/front_matter.h"

#include <errno.h>

#include "tests/support/test.h"

static int parse(const char *text, struct front_matter *f, struct err *e)
{
	*e = (struct err){0};
	return front_matter_read(text, strlen(text), f, e);
}

/* Refused, and the words hold these. */
static const struct {
	const char *readme, *words;
} refused[] = {
	{"---\nsdk: nonsense\n---\n",
		"README.md:2: sdk: 'nonsense' is not known here; it takes: lua, gradio"},
	{"---\ntitle: x\nsdk: lua\nclass: huge\n---\n", "README.md:4: class: 'huge'"},
	{"---\ncolorFrom: mauve\n---\n", "README.md:2: colorFrom"},
	{"---\npinned: perhaps\n---\n", "README.md:2: pinned: 'perhaps' is neither true nor false"},
	{"---\nsleep_after: soon\n---\n", "README.md:2: sleep_after: 'soon' is no whole number"},
	{"---\nreplicas: 65\n---\n", "replicas: 65 is over the limit of 64"},
	{"---\nreplicas: many\n---\n", "README.md:2: replicas: 'many' is no whole number"},
	{"---\nsleep_after: -1\n---\n", "README.md:2: sleep_after"},
	{"---\nsleep_after: 604801\n---\n", "604801 is over the limit of 604800"},
	{"---\nsleep_after: 99999999999999999999\n---\n", "README.md:2: sleep_after"},
	{"---\nhttp: api.example.org\n---\n", "README.md:2: http: must be a list"},
	{"---\nhttp:\n  - api.example.org\n  - https://x.test\n---\n",
		"README.md:4: http: 'https://x.test': a host is written without"},
	{"---\nmodels: vitrine/x\n---\n", "README.md:2: models: must be a list"},
	{"---\nmodels:\n  - a\n  - {b: c}\n---\n", "README.md:4: models: must be one value"},
	{"---\ntitle: [a]\n---\n", "README.md:2: title: must be one value"},
	{"---\ntitle: a\ntitle: b\n---\n", "README.md:3: title: stands here a second time"},
	{"---\ntitle: \"a\\nb\"\n---\n", "README.md:2: title: must be one line"},
	{"---\ntitle: \"a\\0b\"\n---\n", "README.md:2: title"},
	{"---\napp_file: /etc/passwd\n---\n", "README.md:2: app_file"},
	{"---\napp_file: ../x.lua\n---\n", "README.md:2: app_file"},
	{"---\napp_file: a/../x.lua\n---\n", "README.md:2: app_file"},
	{"---\napp_file: a//x.lua\n---\n", "README.md:2: app_file"},
	{"---\napp_file: ''\n---\n", "README.md:2: app_file"},
	{"---\n- a\n- b\n---\n", "README.md:2: front matter must be"},
	{"---\n? [a]\n: b\n---\n", "README.md:2: a key must be plain text"},
	{"---\ntitle: [Test\nsdk: lua\n---\n", "README.md:3: "},
	{"---\n\ttitle: x\n---\n", "README.md:2: "},
	{"---\ntitle: \xff\n---\n", "README.md:"},
	{"---\ntitle: x\n", "README.md:1: front matter has no closing"},
	{"---\n&a [*a]\n---\n", "README.md:2: front matter must be"},
};

TEST(what_cannot_be_honoured_is_refused_with_its_line)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct front_matter f;
		struct err e;

		CHECK(parse(refused[i].readme, &f, &e) == -EINVAL);
		if (!strstr(e.text, refused[i].words))
			fprintf(stderr, "wanted '%s', got '%s'\n", refused[i].words, e.text);
		CHECK(strstr(e.text, refused[i].words));
	}
}

TEST(our_keys_are_read)
{
	struct front_matter f;
	struct err e;

	CHECK(parse("---\r\ntitle: \"How does this sound?\"\r\nemoji: 🙂\r\nsdk: lua\r\n"
		    "app_file: src/main.lua\r\nclass: medium\r\nsleep_after: 60\r\nreplicas: 2\r\n"
		    "models:\r\n  - vitrine/tiny-sentiment\r\n  - vitrine/tiny-writer\r\n---\r\n# "
		    "Hello\r\n",
		      &f, &e) == 0);
	CHECK(!strcmp(f.title, "How does this sound?") && !strcmp(f.emoji, "🙂"));
	CHECK(!strcmp(f.app_file, "src/main.lua") && f.app_file_line == 5);
	CHECK(!strcmp(f.class, "medium") && f.sleep_sec == 60 && f.replicas == 2);
	CHECK(f.n_models == 2 && !strcmp(f.models[1], "vitrine/tiny-writer") &&
		f.model_lines[1] == 11);
	CHECK(f.notes.len == 0);
	front_matter_done(&f);
}

TEST(the_keys_of_hugging_face_are_accepted_silently)
{
	struct front_matter f;
	struct err e;

	CHECK(parse("---\ntitle: x\ncolorFrom: red\ncolorTo: gray\nsdk: lua\nsdk_version: 5.4\n"
		    "pinned: false\nlicense: mit\nshort_description: y\ntags: [a, b]\ndatasets: "
		    "[]\n"
		    "fullWidth: true\nheader: mini\nthumbnail: http://x/y.png\nlanguage: [en, de]\n"
		    "suggested_hardware: cpu-basic\nhf_oauth: true\ncustom_headers:\n"
		    "  cross-origin-embedder-policy: require-corp\nmodels:\n---\n",
		      &f, &e) == 0);
	CHECK(f.notes.len == 0 && f.n_models == 0);
	front_matter_done(&f);
}

TEST(an_unknown_key_is_remarked_upon_with_the_nearest_known_one)
{
	struct front_matter f;
	struct err e;

	CHECK(parse("---\ntitel: x\napp-file: y.lua\nfrobnicate: 1\n---\n", &f, &e) == 0);
	CHECK(strstr(
		buf_str(&f.notes), "README.md:2: titel: unknown key; did you mean 'title'?\n"));
	CHECK(strstr(buf_str(&f.notes),
		"README.md:3: app-file: unknown key; did you mean 'app_file'?\n"));
	CHECK(strstr(buf_str(&f.notes), "README.md:4: frobnicate: unknown key\n"));
	CHECK(!strcmp(f.app_file, "app.lua"));
	front_matter_done(&f);
}

TEST(without_front_matter_everything_has_its_default)
{
	static const char *const readmes[] = {
		"", "# Hello\n", "--\n", "---title: x\n", "\n---\ntitle: x\n---\n"};

	for (size_t i = 0; i < sizeof(readmes) / sizeof(readmes[0]); i++) {
		struct front_matter f;
		struct err e;

		CHECK(parse(readmes[i], &f, &e) == 0);
		CHECK(!strcmp(f.app_file, "app.lua") && !strcmp(f.class, "small") && !f.title[0]);
		CHECK(f.sleep_sec == FRONT_MATTER_SLEEP_DEFAULT && f.app_file_line == 0);
		CHECK(strstr(buf_str(&f.notes), "no front matter"));
		front_matter_done(&f);
	}
}

TEST(an_empty_one_and_a_byte_order_mark_are_fine)
{
	struct front_matter f;
	struct err e;

	CHECK(parse("---\n---\n", &f, &e) == 0);
	front_matter_done(&f);
	CHECK(parse("\xef\xbb\xbf---\ntitle: x\n---\n", &f, &e) == 0 && !strcmp(f.title, "x"));
	front_matter_done(&f);
	CHECK(parse("---\ntitle: x\n---", &f, &e) == 0 && !strcmp(f.title, "x"));
	front_matter_done(&f);
}

static size_t write_title(char *text, size_t size, size_t n)
{
	size_t at = (size_t)snprintf(text, size, "---\ntitle: ");

	memset(text + at, 'x', n);
	return at + n + (size_t)snprintf(text + at + n, size - at - n, "\n---\n");
}

TEST(lengths_and_numbers_end_at_their_limits)
{
	static char text[FRONT_MATTER_MAX * 2];
	struct front_matter f;
	struct err e;
	size_t n;

	n = write_title(text, sizeof(text), 200);
	CHECK(front_matter_read(text, n, &f, &e) == 0);
	front_matter_done(&f);
	n = write_title(text, sizeof(text), 201);
	CHECK(front_matter_read(text, n, &f, &e) == -EINVAL && strstr(e.text, "the limit is 200"));

	n = (size_t)snprintf(text, sizeof(text), "---\n");
	while (n < FRONT_MATTER_MAX + 100)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "# comment\n");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "---\n");
	e = (struct err){0};
	CHECK(front_matter_read(text, n, &f, &e) == -EINVAL &&
		strstr(e.text, "limit of 16384 bytes"));

	n = (size_t)snprintf(text, sizeof(text), "---\nmodels:\n");
	for (int i = 0; i <= FRONT_MATTER_MODELS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "- m%d\n", i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "---\n");
	e = (struct err){0};
	CHECK(front_matter_read(text, n, &f, &e) == -EINVAL && strstr(e.text, "more than 32"));
}

TEST(hosts_for_outgoing_http_are_kept_in_their_order)
{
	struct front_matter f;
	struct err e = {0};
	static const char text[] = "---\nhttp: [api.example.org, \"*.example.net:8443\"]\n---\n";

	CHECK(front_matter_read(text, sizeof(text) - 1, &f, &e) == 0);
	CHECK(f.n_http == 2 && !strcmp(f.http, "api.example.org *.example.net:8443"));
	front_matter_done(&f);
}

TEST_MAIN()
