#include "gateway/adapters/named.h"

#include <errno.h>

#include "base/json.h"
#include "tests/support/test.h"

static const char function_text[] =
	"{\"name\":\"f\",\"inputs\":[{\"name\":\"text\",\"required\":true},{\"name\":\"times\"},"
	"{\"name\":\"loud\"},{\"name\":\"pic\",\"component\":\"image\"}],\"outputs\":[{\"name\":"
	"\"out\"},{\"name\":\"out\"}]}";

static json_t *parse(const char *text)
{
	json_t *v = NULL;
	struct err e = {0};

	CHECK(json_parse(text, strlen(text), 1 << 20, &v, &e) == 0);
	return v;
}

static int keep(struct slice url, struct buf *b, void *data, struct err *e)
{
	(void)data;
	if (memmem(url.at, url.n, "bad", 3))
		return err_set(e, -EBADMSG, "no");
	return buf_add_str(b, "{\"file\":1}");
}

static int bind(const char *named, struct buf *b, char field[32], struct err *e)
{
	static const struct named_files files = {.keep = keep};
	json_t *f = parse(function_text);
	int r;

	buf_init(b, 4096);
	field[0] = '\0';
	*e = (struct err){0};
	r = named_arguments(f, slice_of(named, strlen(named)), &files, b, field, 32, e);
	json_decref(f);
	return r;
}

static void check_arguments(const char *named, const char *want)
{
	char field[32];
	struct buf b;
	struct err e;

	CHECK(bind(named, &b, field, &e) == 0);
	CHECK(!strcmp(buf_str(&b), want) && !field[0]);
	buf_done(&b);
}

static void check_refused(const char *named, int code, const char *want_field)
{
	char field[32];
	struct buf b;
	struct err e;

	CHECK(bind(named, &b, field, &e) == code);
	CHECK(!strcmp(field, want_field) && e.text[0]);
	buf_done(&b);
}

TEST(arguments_take_their_place_as_they_came_and_what_is_missing_is_null)
{
	check_arguments("{\"loud\":true,\"text\":\"a\"}", "[\"a\",null,true]");
	check_arguments(
		"{ \"text\" : 0.10 , \"times\":9007199254740993}", "[0.10,9007199254740993]");
	check_arguments("{\"text\":[1, 2]}", "[[1, 2]]");
	check_arguments("{\"text\":\"\\u0000\"}", "[\"\\u0000\"]");
	/* Present is present: what null means is the worker's to say. */
	check_arguments("{\"text\":null}", "[null]");
}

TEST(a_refusal_names_the_parameter)
{
	check_refused("{}", -EINVAL, "text");
	check_refused("{\"text\":\"a\",\"tims\":2}", -EINVAL, "tims");
	check_refused("[1]", -EBADMSG, "");
	check_refused("{\"text\":1,\"pic\":\"data:bad\"}", -EBADMSG, "pic");
	check_refused("{\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee\":2}", -EINVAL,
		"aaaaaaaaaabbbbbbbbbbccccccccccd");
}

TEST(data_urls_become_files_where_a_file_is_wanted_and_nowhere_else)
{
	check_arguments(
		"{\"text\":\"data:x\",\"pic\":\"data:x\"}", "[\"data:x\",null,null,{\"file\":1}]");
	check_arguments("{\"text\":1,\"pic\":[\"data:x\",{\"file\":\"a\"}]}",
		"[1,null,null,[{\"file\":1},{\"file\":\"a\"}]]");
}

TEST(a_workers_refusal_says_which_argument_it_is_about)
{
	json_t *f = parse(function_text);
	char field[32] = "";

	CHECK(named_field(f, "argument 'times' must be a number", field, sizeof(field)));
	CHECK(!strcmp(field, "times"));
	CHECK(!named_field(f, "argument 'other' is missing", field, sizeof(field)));
	CHECK(!named_field(f, "times: no", field, sizeof(field)));
	CHECK(!named_field(f, "argument 'times", field, 3));
	json_decref(f);
}

static void check_results(const char *results, const char *want)
{
	json_t *f = parse(function_text);
	struct buf b;

	buf_init(&b, 4096);
	CHECK(named_results(f, slice_of(results, strlen(results)), "http://h/spaces/o/n", &b) == 0);
	CHECK(!strcmp(buf_str(&b), want));
	buf_done(&b);
	json_decref(f);
}

TEST(results_have_names_and_files_in_them_an_address)
{
	check_results("[0.10, \"a\"]", "{\"out\":0.10,\"out_2\":\"a\"}");
	check_results("[1]", "{\"out\":1,\"out_2\":null}");
	check_results("7", "{\"out\":null,\"out_2\":null}");
	check_results("[{\"a\":[{\"file\":\"aaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}]",
		"{\"out\":{\"a\":[{\"file\":\"aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"url\":"
		"\"http://h/spaces/o/n/-/file/aaaaaaaaaaaaaaaaaaaaaaaaaa\"}]},\"out_2\":null}");
	check_results("[{\"file\":\"../../etc/passwd\"},{\"file\":7}]",
		"{\"out\":{\"file\":\"../../etc/passwd\"},\"out_2\":{\"file\":7}}");
}

/* A name of that many letters and 40 characters of three bytes. */
static void check_cut(size_t letters, size_t want_field, size_t want_words)
{
	char field[32];
	struct buf object, b;
	struct err e;

	buf_init(&object, 256);
	CHECK(buf_add_str(&object, "{\"") == 0);
	for (size_t i = 0; i < letters; i++)
		CHECK(buf_add_str(&object, "b") == 0);
	for (int i = 0; i < 40; i++)
		CHECK(buf_add_str(&object, "\u20ac") == 0);
	CHECK(buf_add_str(&object, "\":1}") == 0);
	CHECK(bind(buf_str(&object), &b, field, &e) == -EINVAL);
	CHECK(strlen(field) == want_field && !memcmp(field, object.data + 2, want_field));
	CHECK(!memcmp(e.text, object.data + 2, want_words) && e.text[want_words] == ':');
	buf_done(&b);
	buf_done(&object);
}

TEST(a_refused_name_is_cut_between_characters)
{
	check_cut(0, 30, 78);
	check_cut(1, 31, 79);
	check_cut(2, 29, 80);
}

TEST_MAIN()
