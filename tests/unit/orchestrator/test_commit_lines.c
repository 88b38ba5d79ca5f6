#include "orchestrator/repo/commit_lines.h"

#include <errno.h>

#include "base/buf.h"
#include "tests/support/test.h"

/* Everything that was told, as text. */
struct heard {
	struct buf text, content;
};

static int on_content(const char *bytes, size_t n, void *data, struct err *e)
{
	struct heard *h = data;

	(void)e;
	return buf_add(&h->content, bytes, n);
}

static int on_line(const struct commit_line *l, void *data, struct err *e)
{
	static const char *const names[] = {"header", "file", "lfs", "del", "deldir"};
	struct heard *h = data;

	(void)e;
	CHECK(buf_addf(&h->text,
		      "%s summary=%s description=%s parent=%s path=%s oid=%s size=%lld %s content=",
		      names[l->key], l->summary, l->description, l->parent, l->path, l->oid,
		      (long long)l->size, l->base64 ? "base64" : "plain") == 0);
	CHECK(buf_add(&h->text, h->content.data, h->content.len) == 0);
	buf_clear(&h->content);
	return buf_add_str(&h->text, "\n");
}

static const struct commit_lines_ops ops = {.on_content = on_content, .on_line = on_line};

/* Fed in pieces of that many bytes. */
static int feed(const char *body, size_t n, size_t piece, struct heard *h, struct err *e)
{
	CLEANUP(commit_lines_freep) struct commit_lines *c = NULL;
	int r = 0;

	buf_init(&h->text, 1 << 20);
	buf_init(&h->content, 1 << 20);
	CHECK(commit_lines_new(&ops, h, &c) == 0);
	for (size_t at = 0; r == 0 && at < n; at += piece)
		r = commit_lines_feed(c, body + at, piece < n - at ? piece : n - at, e);
	return r < 0 ? r : commit_lines_end(c, e);
}

static void done(struct heard *h)
{
	buf_done(&h->text);
	buf_done(&h->content);
}

static const char sample[] =
	"{\"key\":\"header\",\"value\":{\"summary\":\"Mixed "
	"\\u00e9\\ud83d\\ude00\",\"description\":\"one\\n\\ntwo\",\"parentCommit\":null}}\n"
	"{\"key\":\"file\",\"value\":{\"content\":\"bm\\u0056\\/"
	"3\",\"path\":\"new.txt\",\"encoding\":\"base64\",\"x\":[{\"path\":\"no\"},[1,-2.5e+3,true,"
	"null]]}}\n"
	"\n"
	" { \"value\" : { \"path\" : \"a/b\" , \"algo\":\"sha256\", \"size\":12582912, "
	"\"oid\":\"af56\" } , \"key\" : \"lfsFile\", \"other\":{\"path\":\"no\"} } \r\n"
	"{\"key\":\"deletedFile\",\"value\":{\"path\":\"old\"}}\n"
	"{\"key\":\"deletedFolder\",\"value\":{\"path\":\"dir/\"}}";

static const char told[] =
	"header summary=Mixed \xc3\xa9\xf0\x9f\x98\x80 description=one\n\ntwo parent= path= oid= "
	"size=-1 plain content=\n"
	"file summary= description= parent= path=new.txt oid= size=-1 base64 content=bmV/3\n"
	"lfs summary= description= parent= path=a/b oid=af56 size=12582912 plain content=\n"
	"del summary= description= parent= path=old oid= size=-1 plain content=\n"
	"deldir summary= description= parent= path=dir/ oid= size=-1 plain content=\n";

TEST(lines_mean_the_same_however_they_are_cut)
{
	for (size_t piece = 1; piece <= sizeof(sample); piece += piece < 40 ? 1 : 37) {
		struct heard h;
		struct err e = {0};

		CHECK(feed(sample, strlen(sample), piece, &h, &e) == 0);
		CHECK(!strcmp(buf_str(&h.text), told));
		done(&h);
	}
}

static const struct {
	const char *body, *words;
} bad[] = {
	{"x", "line 1: must be a JSON object"},
	{"[]", "line 1: must be a JSON object"},
	{"{\"key\":\"file\"", "line 1: ends in the middle of its JSON"},
	{"{\"key\":\"file\"\n}", "line 1: ends in the middle of its JSON"},
	{"{\"key\":\"file\"} x", "line 1: is not JSON"},
	{"{\"key\":\"file\"}{}", "line 1: is not JSON"},
	{"{\"key\":\"file\",}", "line 1: is not JSON"},
	{"{\"key\" \"file\"}", "line 1: is not JSON"},
	{"{\"key\":\"file\"]", "line 1: is not JSON"},
	{"{\"key\":\"fi\tle\"}", "line 1: is not JSON"},
	{"{\"key\":\"\\x\"}", "line 1: is not JSON"},
	{"{\"key\":\"\\ud800x\"}", "line 1: is not JSON"},
	{"{\"key\":\"\\udc00\"}", "line 1: is not JSON"},
	{"{\"key\":\"\\ud800\\u0041\"}", "line 1: is not JSON"},
	{"{\"x\":tru}", "line 1: is not JSON"},
	{"{\"x\":01}", "line 1: is not JSON"},
	{"{\"key\":\"header\",\"value\":{}}\n{\"key\":\"what\",\"value\":{}}",
		"line 2: key: must be header, file, lfsFile, deletedFile or deletedFolder"},
	{"{\"key\":\"file\"}", "line 1: value: is missing"},
	{"{\"key\":\"file\",\"value\":null}", "line 1: value: must be an object"},
	{"{\"key\":\"file\",\"value\":\"x\"}", "line 1: value: must be an object"},
	{"{\"key\":\"file\",\"value\":{\"content\":\"\"}}", "line 1: path: is missing"},
	{"{\"key\":\"file\",\"value\":{\"path\":\"a\"}}", "line 1: content: is missing"},
	{"{\"key\":\"file\",\"value\":{\"path\":7}}", "line 1: path: must be text"},
	{"{\"key\":\"file\",\"value\":{\"path\":[]}}", "line 1: path: must be text"},
	{"{\"key\":\"file\",\"value\":{\"size\":\"7\"}}", "line 1: size: must be a whole number"},
	{"{\"key\":\"file\",\"value\":{\"size\":-1}}", "line 1: size: must be a whole number"},
	{"{\"key\":\"file\",\"value\":{\"content\":\"\",\"content\":\"\"}}",
		"line 1: content: stands there twice"},
	{"{\"key\":\"file\",\"value\":{\"path\":\"a\",\"content\":\"\",\"encoding\":\"hex\"}}",
		"line 1: encoding: must be base64 or utf-8"},
	{"{\"key\":\"lfsFile\",\"value\":{\"path\":\"a\",\"algo\":\"md5\"}}",
		"line 1: algo: must be sha256"},
	{"{\"key\":\"deletedFile\",\"value\":{\"path\":\"a\\u0000\"}}",
		"line 1: path: must be UTF-8 without NUL"},
	{"{\"key\":\"deletedFile\",\"value\":{\"path\":\"\xff\"}}",
		"line 1: path: must be UTF-8 without NUL"},
	{"{\"x\":[[[[[[[[[[[[[[[[[[[[", "line 1: is nested deeper than 16 levels"},
};

TEST(what_is_no_line_is_refused_by_line_and_field)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct heard h;
		struct err e = {0};

		CHECK(feed(bad[i].body, strlen(bad[i].body), 3, &h, &e) == -EBADMSG);
		if (strcmp(e.text, bad[i].words) != 0)
			fprintf(stderr, "%s: %s\n", bad[i].body, e.text);
		CHECK(!strcmp(e.text, bad[i].words));
		done(&h);
	}
}

TEST(a_field_has_a_ceiling_and_content_has_none)
{
	static char body[3 * COMMIT_PATH_MAX + 64];
	struct heard h;
	struct err e = {0};
	int n = snprintf(body, sizeof(body),
		"{\"key\":\"file\",\"value\":{\"content\":\"%0*d\",\"path\":\"a\"}}",
		2 * COMMIT_PATH_MAX, 0);

	CHECK(feed(body, (size_t)n, 100, &h, &e) == 0);
	done(&h);
	n = snprintf(body, sizeof(body), "{\"key\":\"file\",\"value\":{\"path\":\"%0*d\"}}",
		COMMIT_PATH_MAX + 1, 0);
	CHECK(feed(body, (size_t)n, 100, &h, &e) == -EBADMSG);
	CHECK(!strcmp(e.text, "line 1: path: is over the limit of 1024 bytes"));
	done(&h);
}

TEST(an_answer_of_the_reader_stops_the_reading)
{
	struct heard h = {.text = {.max = 0}};
	CLEANUP(commit_lines_freep) struct commit_lines *c = NULL;

	buf_init(&h.text, 1 << 10);
	buf_init(&h.content, 4);
	CHECK(commit_lines_new(&ops, &h, &c) == 0);
	CHECK(commit_lines_feed(c, "{\"value\":{\"content\":\"12345\"", 26, NULL) == -ENOSPC);
	done(&h);
}

TEST_MAIN()
