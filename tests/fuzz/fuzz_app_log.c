/* What a worker writes into its log pipe: whatever it is, lines are bounded, UTF-8, and without
 * anything that a terminal would obey; and whatever their heads claim is short plain words. */
#include "agent/app_log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "tests/support/packets.h"

static void must_be_plain(const char *word)
{
	MUST(strlen(word) <= LOG_REFERENCE_MAX);
	MUST(word[strspn(word, "0123456789abcdefghijklmnopqrstuvwxyz")] == '\0');
}

static void on_line(const char *line, size_t n, const struct log_head *head, void *data)
{
	(void)data;
	must_be_plain(head->session);
	must_be_plain(head->reference);
	MUST(head->stream && head->level);
	MUST(n <= LOG_LINE_BYTES && strlen(line) == n);
	for (size_t i = 0; i < n;) {
		const unsigned char *at = (const unsigned char *)line + i;
		size_t length = utf8_length(at, n - i);

		MUST(length > 0);
		MUST(at[0] >= 0x20 || at[0] == '\t');
		MUST(at[0] != 0x7f && !(at[0] == 0xc2 && at[1] < 0xa0));
		i += length;
	}
}

static bool may_pass(size_t n, void *data)
{
	size_t *lines = data;

	(void)n;
	return ++*lines % 7 != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct app_log_ops ops = {.may_pass = may_pass, .on_line = on_line};
	struct app_log *log;
	struct loop *loop;
	size_t lines = 0;
	int fds[2];

	MUST(loop_new(&loop) == 0 && pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	MUST(app_log_new(loop, fds[0], &ops, &lines, &log) == 0);
	while (size > 0) {
		ssize_t n = write(fds[1], data, size > 4000 ? 4000 : size);

		if (n < 0)
			break; /* it is left full for a while */
		data += n;
		size -= (size_t)n;
		packets_spin(loop, 1);
	}
	close(fds[1]);
	packets_spin(loop, 1);
	(void)app_log_free(log);
	(void)loop_free(loop);
	return 0;
}
