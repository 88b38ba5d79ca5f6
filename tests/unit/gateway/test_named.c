#include "gateway/adapters/named.h"

#include <errno.h>

#include "base/json.h"
#include "tests/support/test.h"

static const char function_text[] =
	"{\"name\":\"f\",\"inputs\":[{\"name\":\"text\",\"required\":true},{\"name\":\"times\"},"
	"{\"name\":\"loud\"}],\"outputs\":[{\"name\":\"out\"},{\"name\":\"out\"}]}";

static json_t *parse(const char *text)
{
	json_t *v = NULL;
	struct err e = {0};

	CHECK(json_parse(text, strlen(text), 1 << 20, &v, &e) == 0);
	return v;
}

static void check_arguments(const char *named, const char *want)
{
	json_t *f = parse(function_text), *n = parse(named), *w = parse(want), *got = NULL;
	char field[32] = "";
	struct err e = {0};

	CHECK(named_arguments(f, n, &got, field, sizeof(field), &e) == 0);
	CHECK(json_equal(got, w) && !field[0]);
	json_decref(f);
	json_decref(n);
	json_decref(w);
	json_decref(got);
}

static void check_refused(const char *named, const char *want_field)
{
	json_t *f = parse(function_text), *n = parse(named), *got = NULL;
	char field[32] = "";
	struct err e = {0};

	CHECK(named_arguments(f, n, &got, field, sizeof(field), &e) == -EINVAL);
	CHECK(!got && !strcmp(field, want_field) && strstr(e.text, want_field));
	json_decref(f);
	json_decref(n);
}

TEST(arguments_take_their_place_and_what_is_missing_is_null)
{
	check_arguments("{\"loud\":true,\"text\":\"a\"}", "[\"a\",null,true]");
	check_arguments("{\"text\":[],\"times\":9007199254740991}", "[[],9007199254740991,null]");
	/* Present is present: what null means is the worker's to say. */
	check_arguments("{\"text\":null}", "[null,null,null]");
}

TEST(a_refusal_names_the_parameter)
{
	check_refused("{}", "text");
	check_refused("{\"text\":\"a\",\"tims\":2}", "tims");
}

TEST(a_long_name_in_a_refusal_is_cut_off)
{
	char named[400], field[32];
	json_t *f = parse(function_text), *n, *got = NULL;
	struct err e = {0};

	(void)snprintf(named, sizeof(named), "{\"%0300d\":1}", 0);
	n = parse(named);
	CHECK(named_arguments(f, n, &got, field, sizeof(field), &e) == -EINVAL);
	CHECK(strlen(field) == sizeof(field) - 1);
	json_decref(f);
	json_decref(n);
}

TEST(results_have_names_and_files_in_them_an_address)
{
	json_t *f = parse(function_text);
	json_t *results = parse("[{\"a\":[{\"file\":\"aaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}]");
	json_t *got = named_results(f, results, "http://h/spaces/o/n");
	json_t *want = parse(
		"{\"out\":{\"a\":[{\"file\":\"aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"url\":"
		"\"http://h/spaces/o/n/-/file/aaaaaaaaaaaaaaaaaaaaaaaaaa\"}]},\"out_2\":null}");

	CHECK(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	json_decref(results);
	results = parse("[{\"file\":\"../../etc/passwd\"},{\"file\":7}]");
	got = named_results(f, results, "http://h");
	want = parse("{\"out\":{\"file\":\"../../etc/passwd\"},\"out_2\":{\"file\":7}}");
	CHECK(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	json_decref(results);
	json_decref(f);
}

TEST_MAIN()
