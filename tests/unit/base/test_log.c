#include "base/log.h"

#include <unistd.h>

#include "base/cleanup.h"
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

TEST_MAIN()
