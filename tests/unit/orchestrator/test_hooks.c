#include "orchestrator/repo/hooks.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "orchestrator/hook/hook.h"
#include "tests/support/test.h"

#define OLD "0000000000000000000000000000000000000000"
#define NEW "1111111111111111111111111111111111111111"

struct fixture {
	struct loop *loop;
	struct hooks *hooks;
	int fd; /* git's end */
	int calls;
	bool post;
	size_t n;
	char ref[256], quarantine[64];
	int answer; /* -1: none */
};

static void on_call(const struct hook_call *call, void *data)
{
	struct fixture *fx = data;

	fx->calls++;
	fx->post = call->post;
	fx->n = call->n;
	(void)snprintf(fx->ref, sizeof(fx->ref), "%s", call->n ? call->updates[0].ref : "");
	(void)snprintf(fx->quarantine, sizeof(fx->quarantine), "%.60s",
		call->quarantine ? call->quarantine : "");
	hooks_say(fx->hooks, "line\x1b[31m ü");
	if (fx->answer >= 0)
		hooks_answer(fx->hooks, fx->answer);
}

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.answer = 3};
	CHECK(loop_new(&fx->loop) == 0);
	CHECK(hooks_new(fx->loop, on_call, fx, &fx->hooks, &fx->fd) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)hooks_free(fx->hooks);
	close(fx->fd);
	(void)loop_free(fx->loop);
}

static void packet(struct fixture *fx, const char *bytes, size_t n)
{
	CHECK(send(fx->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n);
	CHECK(loop_dispatch(fx->loop, 100) == 0);
}

#define PACKET(fx, literal) packet(fx, literal, sizeof(literal) - 1)

static ssize_t answer(struct fixture *fx, char ret[256])
{
	return recv(fx->fd, ret, 256, MSG_DONTWAIT);
}

static bool is_ended(struct fixture *fx)
{
	char bytes[256];
	ssize_t n;

	while ((n = answer(fx, bytes)) > 0)
		;
	return n == 0;
}

TEST(a_hook_asks_and_is_answered_with_lines_and_a_code)
{
	struct fixture fx;
	char bytes[256] = "";
	ssize_t n;

	setup(&fx);
	PACKET(&fx, "Hpre-receive\0/q\0");
	PACKET(&fx, "R" OLD " " NEW " refs/heads/ma");
	PACKET(&fx, "Rin\n" NEW " " OLD " refs/tags/x\n");
	CHECK(fx.calls == 0);
	PACKET(&fx, "E");
	CHECK(fx.calls == 1 && !fx.post && fx.n == 2);
	CHECK(!strcmp(fx.ref, "refs/heads/main") && !strcmp(fx.quarantine, "/q"));
	n = answer(&fx, bytes);
	CHECK(n > 0 && !memcmp(bytes, "Lline?[31m ü", (size_t)n));
	CHECK(answer(&fx, bytes) == 2 && bytes[0] == 'X' && bytes[1] == 3);

	PACKET(&fx, "Hpost-receive\0\0");
	PACKET(&fx, "E");
	CHECK(fx.calls == 2 && fx.post && fx.n == 0 && !fx.quarantine[0]);
	teardown(&fx);
}

TEST(nonsense_ends_the_socket_and_calls_nobody)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"E", 1},
		{"Rx", 2},
		{"?", 1},
		{"H", 1},
		{"Hpre-receive", 12},
		{"Hpre-receive\0/q", 15},
		{"Hupdate\0\0", 9},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture fx;

		setup(&fx);
		packet(&fx, bad[i].bytes, bad[i].n);
		CHECK(fx.calls == 0 && is_ended(&fx));
		teardown(&fx);
	}
}

TEST(lines_that_are_no_updates_are_refused_in_words)
{
	static const char *const bad[] = {"Rhello\n", "R" OLD " " NEW " \n",
		"R" OLD " " NEW " refs/heads/x", "R" OLD "x" NEW " refs/heads/x\n"};
	char bytes[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture fx;

		setup(&fx);
		PACKET(&fx, "Hpre-receive\0\0");
		packet(&fx, bad[i], strlen(bad[i]));
		PACKET(&fx, "E");
		CHECK(fx.calls == 0);
		CHECK(answer(&fx, bytes) > 0 && bytes[0] == 'L');
		CHECK(answer(&fx, bytes) == 2 && bytes[0] == 'X' && bytes[1] == 1);
		teardown(&fx);
	}
}

TEST(more_refs_than_the_limit_are_refused_in_words)
{
	static const char line[] = "R" OLD " " NEW " refs/heads/x\n";
	struct fixture fx;
	char bytes[256] = "";

	setup(&fx);
	PACKET(&fx, "Hpre-receive\0\0");
	for (int i = 0; i <= HOOKS_UPDATES_MAX; i++)
		packet(&fx, line, sizeof(line) - 1);
	PACKET(&fx, "E");
	CHECK(fx.calls == 0 && answer(&fx, bytes) > 0 && strstr(bytes, "more than 1000 refs"));
	teardown(&fx);
}

TEST(more_input_than_the_limit_ends_the_socket)
{
	struct fixture fx;
	static char bytes[HOOK_PACKET_MAX];

	setup(&fx);
	memset(bytes, 'R', sizeof(bytes));
	PACKET(&fx, "Hpre-receive\0\0");
	for (int i = 0; i < HOOK_INPUT_MAX / HOOK_PACKET_MAX; i++)
		packet(&fx, bytes, sizeof(bytes));
	packet(&fx, bytes, sizeof(bytes));
	CHECK(fx.calls == 0 && is_ended(&fx));
	teardown(&fx);
}

TEST(a_second_question_before_the_answer_is_refused)
{
	struct fixture fx;

	setup(&fx);
	fx.answer = -1;
	PACKET(&fx, "Hpre-receive\0\0");
	PACKET(&fx, "E");
	CHECK(fx.calls == 1);
	PACKET(&fx, "Hpost-receive\0\0");
	CHECK(fx.calls == 1 && is_ended(&fx));
	teardown(&fx);
}

TEST_MAIN()
