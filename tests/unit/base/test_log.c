#include "base/log.h"

#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "tests/support/test.h"

/* Runs fn with stderr sent to a pipe; returns what it wrote. */
static const char *captured(void (*fn)(void))
{
	static char text[4096];
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t n;

	CHECK(saved >= 0 && pipe(ends) == 0);
	CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	fn();
	CHECK(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	n = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void one_line(void)
{
	log_warn("space=%d could not be woken", 12);
}

static void long_line(void)
{
	char text[3000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
}

static void debug_line(void)
{
	log_debug("x");
}

TEST(a_line_is_level_program_and_words)
{
	log_init("vitrine-test");
	CHECK(strcmp(captured(one_line), "warn  vitrine-test space=12 could not be woken\n") == 0);
}

TEST(a_long_line_is_cut_and_still_one_line)
{
	const char *text = captured(long_line);

	CHECK(strlen(text) <= 1024);
	CHECK(strchr(text, '\n') == text + strlen(text) - 1);
}

TEST(debug_lines_wait_for_the_variable)
{
	unsetenv("VITRINE_DEBUG");
	log_init("vitrine-test");
	CHECK(strcmp(captured(debug_line), "") == 0);
	setenv("VITRINE_DEBUG", "1", 1);
	log_init("vitrine-test");
	CHECK(strcmp(captured(debug_line), "debug vitrine-test x\n") == 0);
}

static void hostile_line(void)
{
	log_error("space=ab key=\"q\" he said \"no\" \\ \xff\xc3\xa4 x=1\n{\"level\":\"info\"}");
}

static void no_fields(void)
{
	log_info("= a=b");
}

TEST(nothing_that_came_from_outside_begins_a_line_of_its_own)
{
	unsetenv("VITRINE_LOG");
	log_init("vitrine-test");
	CHECK(strchr(captured(hostile_line), '\n')[1] == '\0');
}

TEST(in_json_leading_pairs_are_fields_and_all_text_is_escaped)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	const char *text, *time;
	struct err e = {0};

	setenv("VITRINE_LOG", "json", 1);
	log_init("vitrine-test");
	text = captured(hostile_line);
	CHECK(strchr(text, '\n') == text + strlen(text) - 1);
	CHECK(json_parse(text, strlen(text), 8192, &o, &e) == 0);
	CHECK(!strcmp(json_string_value(json_object_get(o, "level")), "error"));
	CHECK(!strcmp(json_string_value(json_object_get(o, "service")), "vitrine-test"));
	CHECK(json_object_size(json_object_get(o, "fields")) == 2);
	CHECK(!strcmp(
		json_string_value(json_object_get(json_object_get(o, "fields"), "space")), "ab"));
	CHECK(!strcmp(
		json_string_value(json_object_get(json_object_get(o, "fields"), "key")), "\"q\""));
	CHECK(!strcmp(json_string_value(json_object_get(o, "message")),
		"he said \"no\" \\ ?\xc3\xa4 x=1 {\"level\":\"info\"}"));
	time = json_string_value(json_object_get(o, "time"));
	CHECK(strlen(time) == 24 && time[10] == 'T' && time[23] == 'Z');
	unsetenv("VITRINE_LOG");
}

TEST(words_that_only_look_like_a_pair_stay_words)
{
	const char *text;

	setenv("VITRINE_LOG", "json", 1);
	log_init("vitrine-test");
	text = captured(no_fields);
	CHECK(strstr(text, "\"fields\":{}") && strstr(text, "\"message\":\"= a=b\""));
	unsetenv("VITRINE_LOG");
}

TEST(a_time_of_any_day_is_written_as_date_writes_it)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	uint64_t before = clock_wall_usec() / 1000;
	const char *text, *time;
	struct tm t = {0};
	struct err e = {0};

	setenv("VITRINE_LOG", "json", 1);
	log_init("vitrine-test");
	text = captured(one_line);
	CHECK(json_parse(text, strlen(text), 8192, &o, &e) == 0);
	time = json_string_value(json_object_get(o, "time"));
	CHECK(strptime(time, "%Y-%m-%dT%H:%M:%S", &t) != NULL);
	CHECK((uint64_t)timegm(&t) >= before / 1000 && (uint64_t)timegm(&t) <= before / 1000 + 60);
	unsetenv("VITRINE_LOG");
}

static void ten_warnings(void)
{
	for (int i = 0; i < 10; i++)
		log_warn("warning %d", i);
	log_info("no warning");
}

TEST(the_last_warnings_are_kept_newest_first)
{
	uint64_t before = log_count(LOG_WARN);

	log_init("vitrine-test");
	(void)captured(ten_warnings);
	CHECK(log_count(LOG_WARN) == before + 10);
	CHECK(!strcmp(log_recent_at(0)->text, "warning 9"));
	CHECK(!strcmp(log_recent_at(LOG_RECENT - 1)->text, "warning 2"));
	CHECK(log_recent_at(0)->level == LOG_WARN && log_recent_at(0)->wall_usec > 0);
	CHECK(log_recent_at(LOG_RECENT) == NULL);
}

TEST_MAIN()
