/*
 * bench_client: the same client for Vitrine and for its peers.
 *
 *	bench_client spawn ROUNDS PROGRAM ARG...
 *	    runs the program, prints for each round the µs from spawn to exit
 *	bench_client click PORT PATH COOKIE ROUNDS TEXT_KEY BUTTON_KEY
 *	    a visitor who clicks; prints µs per click, value and event sent → its COMMIT
 *	bench_client echo PORT PATH ROUNDS
 *	    the same messages at a bare echo server; prints µs per round trip
 *	bench_client clicks PORT PATH SECONDS CONNECTIONS TEXT_KEY BUTTON_KEY
 *	bench_client echoes PORT PATH SECONDS CONNECTIONS
 *	    that many sessions at once, each clicking again when answered; prints clicks per second
 *	bench_client wake PORT PATH COOKIE
 *	    one visit: prints µs from the upgrade request to the first TREE, to PHASE "running"
 *	bench_client visit PORT PATH MARK LIMIT_MS
 *	    visits until a TREE contains MARK and the worker behind it runs; prints the µs that took
 *	bench_client push PORT PATH MARK PROGRAM ARG...
 *	    runs the program (a push), then visits; prints µs to its exit, and to the visit's answer
 */
#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/frame.h"
#include "proto/messages.h"
#include "tests/bench/socket.h"

#define CONNECTIONS_MAX 2000
#define TEXT "\"the text of a click, as long as a short message\""

extern char **environ;

struct visitor {
	struct web_socket socket;
	uint32_t text_node, button_node;
	uint32_t next; /* event */
	bool joined, running;
	bool tree_matches;
	const char *mark; /* NULL: any tree */
	uint32_t finished;
	uint64_t tree_usec, running_usec;
};

static _Noreturn void fail(const char *what, const struct err *e)
{
	fprintf(stderr, "bench_client: %s: %s\n", what, e ? e->text : "");
	exit(1);
}

static uint32_t node_of(const char *key)
{
	return crc32c(0, key, strlen(key));
}

static void add(
	struct buf *b, uint8_t type, uint8_t op, uint32_t node, uint32_t seq, const char *value)
{
	struct frame f = {.type = type,
		.op = op,
		.node = node,
		.seq = seq,
		.value = (const uint8_t *)value,
		.length = strlen(value)};

	if (frame_write(b, &f) < 0)
		fail("no memory", NULL);
}

/* What a click on the page is: the typed text, then the event, in one message. */
static void send_click(struct visitor *v)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 4096);
	v->next++;
	add(&b, APP_VALUE, 0, v->text_node, v->next, TEXT);
	add(&b, APP_EVENT, EVENT_CLICK, v->button_node, v->next, "null");
	if (ws_send(&v->socket, b.data, b.len) < 0)
		fail("send", NULL);
}

static void on_message(struct visitor *v, const uint8_t *data, size_t n)
{
	while (n > 0) {
		struct err e = {0};
		struct frame f;
		int used = frame_read(&f, data, n, &e);

		if (used < 0)
			fail("the server's frame", &e);
		data += used;
		n -= (size_t)used;
		if (f.type == WIRE_WELCOME) {
			v->joined = true;
			v->next = f.node;
		} else if (f.type == WIRE_TREE) {
			if (!v->tree_usec)
				v->tree_usec = clock_mono_usec();
			v->tree_matches =
				!v->mark || memmem(f.value, f.length, v->mark, strlen(v->mark));
		} else if (f.type == WIRE_PHASE && memmem(f.value, f.length, "running", 7)) {
			v->running = true;
			v->running_usec = clock_mono_usec();
		} else if (f.type == APP_COMMIT && f.op == COMMIT_FINISH) {
			v->finished = f.node;
		} else if (f.type == APP_FAIL || f.type == WIRE_BYE) {
			(void)err_set(&e, -EPROTO, "%.*s", (int)f.length, (const char *)f.value);
			fail("the server says", &e);
		}
	}
}

/* Takes what is there; wait: at least one message. False: the server closed. */
static bool take(struct visitor *v, bool wait)
{
	const uint8_t *data;
	size_t n;
	int r = ws_next(&v->socket, wait, &data, &n);

	while (r == 1) {
		on_message(v, data, n);
		r = ws_next(&v->socket, false, &data, &n);
	}
	return r == 0;
}

static void must_take(struct visitor *v)
{
	if (!take(v, true))
		fail("the server closed the socket", NULL);
}

static uint64_t open_visitor(struct visitor *v, int port, const char *path, const char *cookie)
{
	CLEANUP(buf_done) struct buf b;
	uint64_t start;
	struct err e = {0};

	if (ws_start(&v->socket, port, path, cookie, &start, &e) < 0 ||
		ws_finish(&v->socket, &e) < 0)
		fail("visit", &e);
	buf_init(&b, 4096);
	add(&b, WIRE_JOIN, 0, 0, 0, "{}");
	if (ws_send(&v->socket, b.data, b.len) < 0)
		fail("send", NULL);
	return start;
}

static uint64_t run_program(char **argv)
{
	uint64_t start = clock_mono_usec();
	int status;
	pid_t pid;
	int r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

	if (r != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "bench_client: %s did not succeed\n", argv[0]);
		exit(1);
	}
	return clock_mono_usec() - start;
}

static int do_spawn(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[0], NULL, 10) : 0;

	while (rounds-- > 0)
		printf("%llu\n", (unsigned long long)run_program(argv + 1));
	return 0;
}

static int do_click(int argc, char **argv)
{
	struct visitor v = {0};
	long rounds;

	if (argc != 6)
		return 2;
	rounds = strtol(argv[3], NULL, 10);
	v.text_node = node_of(argv[4]);
	v.button_node = node_of(argv[5]);
	(void)open_visitor(&v, (int)strtol(argv[0], NULL, 10), argv[1], argv[2]);
	while (!v.joined)
		must_take(&v);
	/* The first clicks wake the worker and warm the path; they are not printed. */
	for (long i = -20; i < rounds; i++) {
		uint64_t start = clock_mono_usec();

		send_click(&v);
		while (v.finished != v.next)
			must_take(&v);
		if (i >= 0)
			printf("%llu\n", (unsigned long long)(clock_mono_usec() - start));
	}
	ws_done(&v.socket);
	return 0;
}

static void await_echo(struct visitor *v)
{
	const uint8_t *data;
	size_t n;

	if (ws_next(&v->socket, true, &data, &n) != 1)
		fail("the echo server closed the socket", NULL);
}

static int do_echo(int argc, char **argv)
{
	struct visitor v = {0};
	struct err e = {0};
	long rounds;

	if (argc != 3)
		return 2;
	rounds = strtol(argv[2], NULL, 10);
	if (ws_start(&v.socket, (int)strtol(argv[0], NULL, 10), argv[1], "", NULL, &e) < 0 ||
		ws_finish(&v.socket, &e) < 0)
		fail("echo", &e);
	for (long i = -20; i < rounds; i++) {
		uint64_t start = clock_mono_usec();

		send_click(&v);
		await_echo(&v);
		if (i >= 0)
			printf("%llu\n", (unsigned long long)(clock_mono_usec() - start));
	}
	ws_done(&v.socket);
	return 0;
}

static bool answered(struct visitor *v, bool echo)
{
	const uint8_t *data;
	size_t n;

	if (echo)
		return ws_next(&v->socket, false, &data, &n) == 1;
	if (!take(v, false))
		fail("the server closed a socket", NULL);
	return v->finished == v->next;
}

static int many(int argc, char **argv, bool echo)
{
	static struct visitor visitors[CONNECTIONS_MAX];
	static struct pollfd polls[CONNECTIONS_MAX];
	uint64_t start, end;
	long seconds, n, done = 0;

	if (argc != (echo ? 4 : 6))
		return 2;
	seconds = strtol(argv[2], NULL, 10);
	n = strtol(argv[3], NULL, 10);
	if (n < 1 || n > CONNECTIONS_MAX)
		return 2;
	for (long i = 0; i < n; i++) {
		struct visitor *v = &visitors[i];
		struct err e = {0};

		if (echo) {
			if (ws_start(&v->socket, (int)strtol(argv[0], NULL, 10), argv[1], "", NULL,
				    &e) < 0 ||
				ws_finish(&v->socket, &e) < 0)
				fail("echo", &e);
		} else {
			v->text_node = node_of(argv[4]);
			v->button_node = node_of(argv[5]);
			(void)open_visitor(v, (int)strtol(argv[0], NULL, 10), argv[1], "");
			while (!v->joined)
				must_take(v);
		}
		polls[i] = (struct pollfd){.fd = v->socket.fd, .events = POLLIN};
	}
	start = clock_mono_usec();
	end = start + (uint64_t)seconds * USEC_PER_SEC;
	for (long i = 0; i < n; i++)
		send_click(&visitors[i]);
	while (clock_mono_usec() < end) {
		if (poll(polls, (nfds_t)n, 1000) < 0)
			fail("poll", NULL);
		for (long i = 0; i < n; i++)
			if ((polls[i].revents & POLLIN) && answered(&visitors[i], echo)) {
				done++;
				send_click(&visitors[i]);
			}
	}
	printf("%.1f\n", (double)done * 1e6 / (double)(clock_mono_usec() - start));
	return 0;
}

static int do_clicks(int argc, char **argv)
{
	return many(argc, argv, false);
}

static int do_echoes(int argc, char **argv)
{
	return many(argc, argv, true);
}

static int do_wake(int argc, char **argv)
{
	struct visitor v = {0};
	uint64_t start;

	if (argc != 3)
		return 2;
	start = open_visitor(&v, (int)strtol(argv[0], NULL, 10), argv[1], argv[2]);
	while (!v.tree_usec || !v.running)
		must_take(&v);
	printf("%llu %llu\n", (unsigned long long)(v.tree_usec - start),
		(unsigned long long)(v.running_usec - start));
	ws_done(&v.socket);
	return 0;
}

/* Visits anew until the tree has the mark and its worker runs. */
static void visit_until(int port, const char *path, const char *mark, uint64_t end_usec)
{
	bool seen = false;

	while (!seen) {
		struct visitor v = {.mark = mark};

		if (clock_mono_usec() > end_usec)
			fail("the new version never answered", NULL);
		(void)open_visitor(&v, port, path, "");
		while (!v.tree_usec || (v.tree_matches && !v.running))
			must_take(&v);
		seen = v.tree_matches;
		ws_done(&v.socket);
	}
}

static int do_visit(int argc, char **argv)
{
	uint64_t start = clock_mono_usec();

	if (argc != 4)
		return 2;
	visit_until((int)strtol(argv[0], NULL, 10), argv[1], argv[2],
		start + (uint64_t)strtol(argv[3], NULL, 10) * USEC_PER_MSEC);
	printf("%llu\n", (unsigned long long)(clock_mono_usec() - start));
	return 0;
}

static int do_push(int argc, char **argv)
{
	uint64_t start = clock_mono_usec(), pushed;

	if (argc < 4)
		return 2;
	pushed = run_program(argv + 3);
	visit_until((int)strtol(argv[0], NULL, 10), argv[1], argv[2], start + 30 * USEC_PER_SEC);
	printf("%llu %llu\n", (unsigned long long)pushed,
		(unsigned long long)(clock_mono_usec() - start));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = {{"spawn", do_spawn}, {"click", do_click}, {"echo", do_echo},
		{"clicks", do_clicks}, {"echoes", do_echoes}, {"wake", do_wake},
		{"visit", do_visit}, {"push", do_push}};
	int r = 2;

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			r = verbs[i].run(argc - 2, argv + 2);
	if (r == 2)
		fprintf(stderr, "usage: see the head of tests/bench/client.c\n");
	return r;
}
