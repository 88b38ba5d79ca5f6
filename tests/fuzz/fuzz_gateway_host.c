/* app.HOST_CALL as a worker that was taken over writes it, and what the orchestrator answers: each
 * byte of the input's front says whether the next piece is one or the other. */
#include <string.h>

#include "gateway/host.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/fuzz.h"

static size_t answers;
static uint32_t last_seq;

static void answer(void *worker, const struct frame *f)
{
	(void)worker;
	MUST(f->type == APP_HOST_RESULT && (f->op == HOST_DONE || f->op == HOST_FAILED));
	MUST(f->op == HOST_DONE || memchr(f->value, '\0', f->length));
	answers++;
}

static int edge(const struct frame *f, void *data)
{
	struct edge_host_call m;
	struct err e = {0};

	(void)data;
	MUST(memchr(f->value, '\0', f->length));
	MUST(edge_host_call_read(&m, f->value, strlen((const char *)f->value), &e) == 0);
	MUST(!strcmp(m.space, "s") && !strcmp(m.user, "ada") && !strncmp(m.id, "w-", 2));
	edge_host_call_done(&m);
	last_seq = f->seq;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct host_stamp stamp = {.worker = "w", .space = "s", .user = "ada"};
	struct host_config config = {.answer = answer, .edge = edge};
	struct host *h = NULL;
	size_t calls = 0;
	int worker;

	answers = 0;
	MUST(loop_new(&config.loop) == 0 && host_new(&config, &h) == 0);
	host_edge_up(h);
	while (size >= 2) {
		size_t n = data[1] < size - 2 ? data[1] : size - 2;
		struct frame f = {.op = data[0] & 3,
			.channel = 1,
			.seq = data[0] >> 2,
			.value = data + 2,
			.length = n};
		struct err e = {0};

		if (f.op < 2) {
			calls++;
			if (host_take(h, &worker, &stamp, &f, &e) < 0)
				MUST(e.text[0]);
		} else if (f.op == 2) {
			host_stop(h, &worker, f.seq);
		} else {
			f.op = f.seq & 1 ? HOST_DONE : HOST_FAILED;
			f.seq = last_seq;
			(void)host_edge_result(h, &f, &e);
		}
		data += 2 + n;
		size -= 2 + n;
	}
	MUST(answers <= calls);
	host_forget(h, &worker);
	(void)host_free(h);
	(void)loop_free(config.loop);
	return 0;
}
