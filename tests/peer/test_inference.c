/*
 * The real vitrine-inference between a fake agent and fake workers, over the real frames. The
 * fakes are blocking sockets: what is under test is on the other side.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/json.h"
#include "proto/messages.h"
#include "tests/peer/infer.h"
#include "tests/support/test.h"

#define SENTIMENT "vitrine/tiny-sentiment"
#define WRITER "vitrine/tiny-writer"
#define STORY "\"inputs\":[{\"role\":\"user\",\"content\":\"Write a long story about the sea\"}]"

static void call(
	struct peer *w, uint32_t seq, const char *model, const char *task, const char *rest)
{
	static char value[128 << 10];

	snprintf(value, sizeof(value), "{\"model\":\"%s\",\"task\":\"%s\",%s}", model, task, rest);
	send_message(w, INFER_CALL, seq, value, -1);
}

static void check_error(struct peer *w, uint32_t seq, const char *code, const char *words)
{
	CHECK(next_message(w) == INFER_ERROR && w->f.seq == seq);
	if (strcmp(text_of(w, "code"), code) != 0 || !strstr(text_of(w, "message"), words))
		fprintf(stderr, "%s: %s\n", text_of(w, "code"), text_of(w, "message"));
	CHECK(!strcmp(text_of(w, "code"), code) && strstr(text_of(w, "message"), words));
}

/* A call that works, as proof that the link and the program are well. */
static void check_alive(struct peer *w)
{
	call(w, 9999, SENTIMENT, "text-classification", "\"inputs\":\"I love it.\"");
	CHECK(next_message(w) == INFER_RESULT && w->f.seq == 9999);
}

/* --- tests --- */

static struct peer agent;

static const json_t *listed(const struct peer *p, const char *id)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(p->value, "models"), i,
		m) if (!strcmp(json_string_value(json_object_get(m, "id")), id)) return m;
	return NULL;
}

/* Until no model is new, waited for or loaded, so that no more LISTs come by themselves. */
static void until_settled(struct peer *p)
{
	static const char *const moving[] = {"new", "waiting", "loading"};
	const json_t *m;
	bool settled;
	size_t i;

	do {
		settled = true;
		json_array_foreach(json_object_get(p->value, "models"), i,
			m) for (size_t j = 0; j < 3; j++) settled &=
			strcmp(json_string_value(json_object_get(m, "state")), moving[j]) != 0;
		if (!settled)
			CHECK(next_message(p) == MODELS_LIST);
	} while (!settled);
}

/* KiB of memory that the program has; smaps are not for everybody's eyes. */
static long resident_kib(void)
{
	char path[64], line[256];
	long kib = -1, size;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", inference_pid());
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Rss:", 4))
			kib = strtol(line + 4, NULL, 10);
	if (f)
		(void)fclose(f);
	if (kib >= 0)
		return kib;
	snprintf(path, sizeof(path), "/proc/%d/statm", inference_pid());
	f = fopen(path, "re");
	CHECK(f && fscanf(f, "%ld %ld", &size, &kib) == 2);
	(void)fclose(f);
	return kib * sysconf(_SC_PAGESIZE) / 1024;
}

TEST(two_spaces_share_one_copy_of_a_models_weights)
{
	struct peer first, second;
	long before;

	attach(&agent, &first, "first");
	attach(&agent, &second, "second");
	check_alive(&first);
	before = resident_kib();
	check_alive(&second);
	CHECK(resident_kib() - before < 1024); /* the weights are 2.4 MB */
	peer_done(&first);
	peer_done(&second);
}

/* Nanoseconds would tell, if a prompt that is known were found: what is compared is the device's
 * time as the caller is told it, the least of some. */
static int64_t time_prompt(struct peer *w, int which, int64_t least)
{
	static char rest[24 << 10];
	int n = snprintf(rest, sizeof(rest), "\"inputs\":[{\"role\":\"user\",\"content\":\"%d %s",
		which, which % 2 ? "yes" : "no");

	for (int i = 0; i < 100; i++)
		n += snprintf(
			rest + n, sizeof(rest) - (size_t)n, " the king %d", (i * 7 + which) % 10);
	(void)snprintf(rest + n, sizeof(rest) - (size_t)n,
		"\"}],\"options\":{\"max_tokens\":1,\"temperature\":0}");
	call(w, 70, WRITER, "chat", rest);
	while (next_message(w) == INFER_TOKEN)
		;
	if (w->f.type != INFER_RESULT)
		fprintf(stderr, "%s\n", text_of(w, "message"));
	CHECK(w->f.type == INFER_RESULT);
	n = (int)json_integer_value(json_object_get(w->value, "device_usec"));
	return n < least ? n : least;
}

TEST(that_another_space_asked_a_prompt_before_cannot_be_told_from_the_time_it_takes)
{
	int64_t fresh = INT64_MAX, foreign = INT64_MAX, own = INT64_MAX;
	struct peer first, second;

	attach(&agent, &first, "asks");
	attach(&agent, &second, "spies");
	for (int i = 0; i < 16; i += 2) {
		(void)time_prompt(&first, i, INT64_MAX);
		foreign = time_prompt(&second, i, foreign);
		fresh = time_prompt(&second, i + 1, fresh);
		own = time_prompt(&second, i, own);
	}
	printf("  nobody asked it: %lld us, another did: %lld us, the same did: %lld us\n",
		(long long)fresh, (long long)foreign, (long long)own);
	CHECK(2 * own < foreign && 2 * own < fresh); /* it would show */
	CHECK(3 * foreign > 2 * fresh && 2 * foreign < 3 * fresh);
	peer_done(&first);
	peer_done(&second);
}

TEST(a_control_peer_learns_at_once_what_is_served_and_what_is_not)
{
	struct peer other;
	const json_t *m;

	dial(&other);
	m = listed(&other, SENTIMENT);
	CHECK(m && json_is_true(json_object_get(m, "loaded")));
	CHECK(!strcmp(json_string_value(json_object_get(m, "task")), "text-classification"));
	CHECK(json_integer_value(json_object_get(m, "parameters")) > 100000);
	CHECK(!strcmp(json_string_value(json_object_get(listed(&other, WRITER), "task")), "chat"));
	m = listed(&other, "ann/broken");
	CHECK(m && json_is_false(json_object_get(m, "loaded")));
	CHECK(json_string_length(json_object_get(m, "error")) > 0);
	peer_done(&other);
}

TEST(a_text_is_classified_best_first)
{
	struct peer w;
	const json_t *value;

	attach(&agent, &w, "r1");
	call(&w, 5, SENTIMENT, "text-classification",
		"\"inputs\":\"I love this, it is wonderful.\"");
	CHECK(next_message(&w) == INFER_RESULT && w.f.seq == 5);
	value = json_object_get(w.value, "value");
	CHECK(json_array_size(value) == 2);
	CHECK(!strcmp(
		json_string_value(json_object_get(json_array_get(value, 0), "label")), "POSITIVE"));
	CHECK(json_real_value(json_object_get(json_array_get(value, 0), "score")) > 0.5);
	CHECK(json_integer_value(json_object_get(w.value, "tokens_in")) > 5);
	CHECK(json_integer_value(json_object_get(w.value, "device_usec")) > 0);

	call(&w, 6, SENTIMENT, "text-classification",
		"\"inputs\":[\"Good.\",\"Bad.\",\"\"],\"options\":{\"top_labels\":1}");
	CHECK(next_message(&w) == INFER_RESULT && w.f.seq == 6);
	value = json_object_get(w.value, "value");
	CHECK(json_array_size(value) == 3 && json_array_size(json_array_get(value, 1)) == 1);
	peer_done(&w);
}

TEST(the_gateway_calls_over_a_link_of_its_own_and_names_who_pays_each_time)
{
	struct peer gateway, worker;
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	send_message(&agent, MODELS_CALLER, 0, "", pair[0]);
	close(pair[0]);
	peer_init(&gateway, pair[1]);
	call(&gateway, 1, SENTIMENT, "text-classification", "\"inputs\":\"Fine.\"");
	check_error(&gateway, 1, "bad_input", "payer");
	for (uint32_t i = 0; i < 2; i++) { /* 64 calls at once, of two users */
		for (uint32_t j = 0; j < 32; j++)
			call(&gateway, 100 * i + j, WRITER, "chat",
				i ? "\"payer\":\"bob\"," STORY ",\"options\":{\"max_tokens\":400}"
				  : "\"payer\":\"ann\"," STORY ",\"options\":{\"max_tokens\":400}");
	}
	call(&gateway, 999, SENTIMENT, "text-classification",
		"\"payer\":\"ann\",\"inputs\":\"Fine.\"");
	while (next_message(&gateway) == INFER_TOKEN)
		;
	CHECK(gateway.f.type == INFER_ERROR && gateway.f.seq == 999);
	CHECK(!strcmp(text_of(&gateway, "code"), "busy"));
	call(&gateway, 1000, SENTIMENT, "text-classification",
		"\"payer\":\"eve\",\"inputs\":\"Fine.\"");
	while (next_message(&gateway) == INFER_TOKEN)
		;
	CHECK(gateway.f.type == INFER_RESULT && gateway.f.seq == 1000);
	peer_done(&gateway);

	attach(&agent, &worker, "r1");
	call(&worker, 1, SENTIMENT, "text-classification",
		"\"payer\":\"ann\",\"inputs\":\"Fine.\"");
	check_error(&worker, 1, "bad_input", "payer");
	peer_done(&worker);
}

/* Reads rows of WAITS until one has that place (0: waits no longer). Returns its event. */
static json_int_t until_place(struct peer *control, json_int_t place, char *reason, size_t max)
{
	for (;;) {
		const json_t *row;
		size_t i;

		if (next_message(control) != MODELS_WAITS)
			continue;
		json_array_foreach(json_object_get(control->value, "rows"), i, row)
		{
			CHECK(!strcmp(
				json_string_value(json_object_get(row, "replica")), "gateway"));
			if (json_integer_value(json_object_get(row, "place")) != place)
				continue;
			snprintf(reason, max, "%s",
				json_string_value(json_object_get(row, "reason")));
			return json_integer_value(json_object_get(row, "event"));
		}
	}
}

TEST(the_gateway_hears_what_its_calls_wait_for_in_words_and_when_they_do_no_longer)
{
	static const char key[] =
		"{\"id\":1,\"until_usec\":1,\"key\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}";
	struct peer control, gateway;
	char value[256], reason[256];
	int pair[2];

	dial(&control);
	send_message(&control, MODELS_KEY, 0, key, -1);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	send_message(&control, MODELS_CALLER, 0, "", pair[0]);
	close(pair[0]);
	peer_init(&gateway, pair[1]);
	for (uint32_t i = 0; i < 120; i++) { /* of five users, for 32 places */
		snprintf(value, sizeof(value),
			"\"payer\":\"user:u%u\"," STORY ",\"options\":{\"max_tokens\":400}", i % 5);
		call(&gateway, 1 + i, WRITER, "chat", value);
	}
	CHECK(until_place(&control, 2, reason, sizeof(reason)) > 0);
	printf("  %s\n", reason);
	CHECK(strstr(reason, "waits for the model " WRITER ", held by 4 others for "));
	CHECK(strstr(reason, "; 1 before you"));
	CHECK(!strstr(reason, "user:u")); /* whoever they are */
	peer_done(&gateway);
	CHECK(until_place(&control, 0, reason, sizeof(reason)) > 0);
	CHECK(!reason[0]);
	peer_done(&control);
}

TEST(who_keeps_the_ledger_hears_what_the_device_does_for_whom_and_what_waits)
{
	struct peer control, gateway;
	const json_t *device, *waiting;
	char value[256];
	int pair[2];

	dial(&control);
	send_message(&control, MODELS_TAKEN, 0, "{\"journal\":\"\",\"n\":0}", -1);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	send_message(&control, MODELS_CALLER, 0, "", pair[0]);
	close(pair[0]);
	peer_init(&gateway, pair[1]);
	/* Some of a hundred end at any time: so that two wait and two run when it is told. */
	for (uint32_t i = 0; i < 150; i++) {
		snprintf(value, sizeof(value),
			"\"payer\":\"user:u%u\"," STORY
			",\"options\":{\"max_tokens\":1000,\"temperature\":2}",
			i % 5);
		call(&gateway, 1 + i, WRITER, "chat", value);
	}
	do
		while (next_message(&control) != MODELS_TOP)
			;
	while (json_integer_value(
		       json_object_get(json_object_get(control.value, "top"), "runningAll")) == 0);
	device = json_array_get(
		json_object_get(json_object_get(control.value, "top"), "devices"), 0);
	CHECK(!strcmp(json_string_value(json_object_get(device, "name")), "cpu"));
	CHECK(json_integer_value(json_object_get(device, "memoryBytes")) > 0);
	CHECK(json_integer_value(json_object_get(device, "busyMs")) > 0);
	waiting = json_array_get(
		json_object_get(json_object_get(control.value, "top"), "waiting"), 0);
	CHECK(!waiting || json_integer_value(json_object_get(waiting, "place")) == 1);
	CHECK(!waiting || strstr(json_string_value(json_object_get(waiting, "reason")), "next"));
	peer_done(&gateway);
	peer_done(&control);
}

/* Reads a call's tokens to its end; returns how many came. */
static int read_story(struct peer *w, uint32_t seq, char *text, size_t max)
{
	size_t n = 0;
	int tokens = 0, type;

	while ((type = next_message(w)) == INFER_TOKEN) {
		CHECK(w->f.seq == seq && n + w->f.length < max);
		memcpy(text + n, w->f.value, w->f.length);
		n += w->f.length;
		tokens++;
	}
	text[n] = '\0';
	CHECK(type == INFER_RESULT && w->f.seq == seq);
	return tokens;
}

TEST(a_chat_streams_and_its_result_is_what_was_streamed)
{
	static char text[65536];
	struct peer w;
	const json_t *value;

	attach(&agent, &w, "r1");
	call(&w, 1, WRITER, "chat", STORY ",\"options\":{\"temperature\":0,\"max_tokens\":60}");
	CHECK(read_story(&w, 1, text, sizeof(text)) > 3);
	value = json_object_get(w.value, "value");
	CHECK(!strcmp(json_string_value(json_object_get(value, "text")), text));
	CHECK(!strcmp(json_string_value(json_object_get(value, "finish_reason")), "stop") ||
		!strcmp(json_string_value(json_object_get(value, "finish_reason")), "length"));
	CHECK(!strstr(text, "<|im_end|>") &&
		json_integer_value(json_object_get(w.value, "tokens_out")) > 3);
	printf("  %s\n", text);

	call(&w, 2, WRITER, "chat", STORY ",\"options\":{\"max_tokens\":2}");
	(void)read_story(&w, 2, text, sizeof(text));
	value = json_object_get(w.value, "value");
	CHECK(!strcmp(json_string_value(json_object_get(value, "finish_reason")), "length"));
	call(&w, 3, WRITER, "text-generation",
		"\"inputs\":\"The sea\",\"options\":{\"max_tokens\":5}");
	(void)read_story(&w, 3, text, sizeof(text));
	peer_done(&w);
}

TEST(the_same_seed_writes_the_same_and_neighbours_change_nothing)
{
	static char text[3][65536];
	struct peer w[3];

	for (int i = 0; i < 3; i++) {
		char replica[8];

		snprintf(replica, sizeof(replica), "n%d", i);
		attach(&agent, &w[i], replica);
	}
	for (int i = 0; i < 3; i++)
		call(&w[i], 1, WRITER, "chat",
			i == 1 ? STORY ",\"options\":{\"seed\":8,\"temperature\":1}"
			       : STORY ",\"options\":{\"seed\":7,\"temperature\":1}");
	for (int i = 0; i < 3; i++)
		(void)read_story(&w[i], 1, text[i], sizeof(text[i]));
	CHECK(!strcmp(text[0], text[2]) && strcmp(text[0], text[1]) != 0);
	for (int i = 0; i < 3; i++)
		peer_done(&w[i]);
}

TEST(stop_cancels_and_the_link_goes_on)
{
	struct peer w;
	int tokens = 0, type;

	attach(&agent, &w, "r1");
	call(&w, 1, WRITER, "chat", STORY ",\"options\":{\"temperature\":2,\"max_tokens\":400}");
	CHECK(next_message(&w) == INFER_TOKEN);
	send_message(&w, INFER_STOP, 1, "", -1);
	while ((type = next_message(&w)) == INFER_TOKEN)
		tokens++;
	/* It may have ended by itself in the same moment. */
	CHECK(type == INFER_RESULT || !strcmp(text_of(&w, "code"), "cancelled"));
	printf("  %d tokens after STOP was sent\n", tokens);
	send_message(&w, INFER_STOP, 77, "", -1); /* unknown: ignored */
	check_alive(&w);
	peer_done(&w);
}

/* catalogue 100 */
TEST(what_cannot_be_done_is_refused_with_its_code_field_and_limit)
{
	static const struct refusal {
		const char *model, *task, *rest, *code, *words;
	} refusals[] = {
		{"no/such", "chat", "\"inputs\":[]", "no_model", "no/such"},
		{"ann/broken", "chat", "\"inputs\":[]", "no_model", "could not be loaded"},
		{"../../../etc/passwd", "chat", "\"inputs\":[]", "no_model", "there is no"},
		{WRITER, "chat", STORY ",\"options\":{\"max_tokens\":1000000000000}", "bad_input",
			"options.max_tokens"},
		{WRITER, "chat", STORY ",\"options\":{\"temperature\":NaN}", "bad_input", "JSON"},
		{WRITER, "chat", STORY ",\"options\":{\"temperature\":1e400}", "bad_input", "JSON"},
		{WRITER, "chat", STORY ",\"options\":{\"top_k\":-2147483649}", "bad_input",
			"options.top_k"},
		{WRITER, "text-generation", "\"inputs\":\"\xff\xfe\"", "bad_input", "JSON"},
		{WRITER, "image-generation", "\"inputs\":\"x\"", "bad_input", "task"},
		{WRITER, "text-classification", "\"inputs\":\"x\"", "bad_input",
			"does not classify"},
		{SENTIMENT, "chat", STORY, "bad_input", "does not chat"},
		{SENTIMENT, "text-generation", "\"inputs\":\"x\"", "bad_input", "writes no text"},
		{SENTIMENT, "text-classification", "\"inputs\":7", "bad_input", "inputs: must be"},
		{SENTIMENT, "text-classification", "\"inputs\":[]", "bad_input", "must be 1 to 64"},
		{SENTIMENT, "text-classification", "\"inputs\":[\"a\",null]", "bad_input",
			"inputs[1]"},
		{SENTIMENT, "text-classification", "\"x\":1", "bad_input", "inputs: missing"},
		{SENTIMENT, "text-classification", "\"inputs\":\"a\\u0000b\"", "bad_input", "JSON"},
		{WRITER, "chat", "\"inputs\":\"hi\"", "bad_input", "array of 1 to"},
		{WRITER, "chat", "\"inputs\":[{\"role\":\"user\"}]", "bad_input",
			"inputs[0].content"},
		{WRITER, "chat", "\"inputs\":[{\"role\":\"a<b\",\"content\":\"\"}]", "bad_input",
			"role"},
		{WRITER, "chat", STORY ",\"options\":{\"max_tokens\":0}", "bad_input",
			"options.max_tokens"},
		{WRITER, "chat", STORY ",\"options\":{\"temperature\":-1}", "bad_input", "0 to 10"},
		{WRITER, "chat", STORY ",\"options\":{\"top_p\":0}", "bad_input", "options.top_p"},
		{WRITER, "chat", STORY ",\"options\":{\"stop\":[1]}", "bad_input", "options.stop"},
		{WRITER, "chat", STORY ",\"options\":{\"beams\":4}", "bad_input", "no such option"},
	};
	struct peer w;

	attach(&agent, &w, "r1");
	for (uint32_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];

		call(&w, i, r->model, r->task, r->rest);
		check_error(&w, i, r->code, r->words);
	}
	check_alive(&w);
	peer_done(&w);
}

TEST(a_conversation_that_outgrew_the_model_goes_on_without_its_oldest_turns)
{
	static char inputs[65536], text[65536];
	struct buf b;
	struct peer w;

	buf_init(&b, sizeof(inputs) - 1);
	CHECK(buf_add_str(&b, "\"inputs\":[") == 0);
	for (int i = 0; i < 40; i++)
		CHECK(buf_addf(&b, "{\"role\":\"user\",\"content\":\"Write a story about a fox, "
				   "please.\"},"
				   "{\"role\":\"assistant\",\"content\":\"Once upon a time there "
				   "was a fox "
				   "who lived in a wood. She was happy.\"},") == 0);
	CHECK(buf_add_str(&b, "{\"role\":\"user\",\"content\":\"Another one.\"}],"
			      "\"options\":{\"max_tokens\":5}") == 0);
	(void)snprintf(inputs, sizeof(inputs), "%s", buf_str(&b));
	buf_done(&b);

	attach(&agent, &w, "r1");
	call(&w, 1, WRITER, "chat", inputs);
	CHECK(read_story(&w, 1, text, sizeof(text)) > 0);
	/* Recent turns stayed, and a quarter of the 512 positions is left to answer in. */
	CHECK(json_integer_value(json_object_get(w.value, "tokens_in")) > 200);
	CHECK(json_integer_value(json_object_get(w.value, "tokens_in")) <= 384);
	peer_done(&w);
}

/* catalogue 100 */
TEST(long_inputs_are_refused_and_the_link_goes_on)
{
	static char value[300000];
	struct peer w;
	size_t n;

	attach(&agent, &w, "r1");
	n = (size_t)snprintf(value, sizeof(value),
		"{\"model\":\"" SENTIMENT "\",\"task\":\"text-classification\",\"inputs\":\"");
	memset(value + n, 'x', 200000);
	memcpy(value + n + 200000, "\"}", 3);
	send_message(&w, INFER_CALL, 1, value, -1);
	check_error(&w, 1, "too_long", "the limit is 65536");
	for (size_t i = 0; i < 30000; i++)
		value[n + i] = i % 2 ? ' ' : 'x';
	memcpy(value + n + 30000, "\"}", 3);
	send_message(&w, INFER_CALL, 2, value, -1);
	check_error(&w, 2, "too_long", "256 tokens");
	check_alive(&w);
	peer_done(&w);
}

TEST(more_calls_than_a_link_may_have_are_busy)
{
	struct peer w;
	int busy = 0, ended = 0;

	attach(&agent, &w, "r1");
	for (uint32_t i = 0; i < 40; i++)
		call(&w, i, WRITER, "chat",
			STORY ",\"options\":{\"max_tokens\":300,\"temperature\":1.5}");
	while (ended < 40) {
		int type = next_message(&w);

		CHECK(type > 0);
		ended += type != INFER_TOKEN;
		busy += type == INFER_ERROR && !strcmp(text_of(&w, "code"), "busy");
	}
	printf("  %d were busy\n", busy);
	CHECK(busy >= 1 && busy <= 8);
	check_alive(&w);
	peer_done(&w);
}

/* Sends and reads without waiting for either. */
static bool try_send(struct peer *w, uint8_t type, uint32_t seq, const char *value)
{
	const struct frame f = {
		.type = type, .seq = seq, .value = (const uint8_t *)value, .length = strlen(value)};
	struct buf b;
	bool sent;

	buf_init(&b, FRAME_PACKET_MAX);
	CHECK(frame_write(&b, &f) == 0);
	sent = send(w->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.len;
	CHECK(sent || errno == EAGAIN);
	buf_done(&b);
	return sent;
}

/* catalogue 32, 101 */
TEST(a_storm_of_calls_and_cancels_is_answered_in_kind_and_nobody_else_waits)
{
	struct peer bad, good;
	unsigned int sent = 0, refused = 0, ended = 0, answered = 0;

	attach(&agent, &bad, "storm");
	attach(&agent, &good, "calm");
	while (sent < 10000) {
		if (try_send(&bad, INFER_CALL, sent,
			    "{\"model\":\"" WRITER "\",\"task\":\"chat\"," STORY "}"))
			sent++;
		/* Cancelled while it starts, twice, and its neighbours that never were. */
		(void)try_send(&bad, INFER_STOP, sent - 1, "");
		(void)try_send(&bad, INFER_STOP, sent - 1, "");
		(void)try_send(&bad, INFER_STOP, sent + 7, "");
		while (has_message(&bad)) {
			int type = next_message(&bad);

			CHECK(type >= 0);
			ended += type != INFER_TOKEN;
			refused += type == INFER_ERROR && !strcmp(text_of(&bad, "code"), "busy");
		}
		if (sent / 50 > answered) {
			check_alive(&good);
			answered++;
		}
		if (sent > 1000 && answered > 15)
			break; /* what is held back takes longer than a test should */
	}
	printf("  %u calls taken, %u ended, %u busy, a neighbour was answered %u times\n", sent,
		ended, refused, answered);
	CHECK(answered >= 10);
	peer_done(&bad);
	check_alive(&good);
	peer_done(&good);
}

/* catalogue 101 */
TEST(a_call_id_may_be_used_again_the_moment_it_is_stopped)
{
	struct peer w;
	int cancelled = 0, results = 0;

	attach(&agent, &w, "again");
	for (int i = 0; i < 200; i++) {
		call(&w, 1, WRITER, "chat", STORY ",\"options\":{\"max_tokens\":400}");
		send_message(&w, INFER_STOP, 1, "", -1);
		call(&w, 1, SENTIMENT, "text-classification", "\"inputs\":\"Good.\"");
		for (int ends = 0; ends < 2;) {
			int type = next_message(&w);

			CHECK(type >= 0 && w.f.seq == 1);
			cancelled += type == INFER_ERROR;
			results += type == INFER_RESULT;
			ends += type != INFER_TOKEN;
		}
	}
	/* Each call ended once, the first as cancelled (it cannot be done that fast). */
	CHECK(cancelled == 200 && results == 200);
	check_alive(&w);
	peer_done(&w);
}

/* catalogue 32 */
TEST(workers_of_one_space_share_its_calls_and_others_have_their_own)
{
	struct peer w[2], other;
	int busy = 0, ended = 0;

	attach_as(&agent, &w[0], "q0", "shared");
	attach_as(&agent, &w[1], "q1", "shared");
	attach(&agent, &other, "q2");
	for (uint32_t i = 0; i < 40; i++)
		call(&w[i % 2], i, WRITER, "chat",
			STORY ",\"options\":{\"max_tokens\":400,\"temperature\":1.5}");
	check_alive(&other); /* 32 of another Space are under way */
	for (int i = 0; i < 2; i++)
		for (ended = 0; ended < 20;) {
			int type = next_message(&w[i]);

			CHECK(type > 0);
			ended += type != INFER_TOKEN;
			busy += type == INFER_ERROR && !strcmp(text_of(&w[i], "code"), "busy");
		}
	printf("  %d were busy\n", busy);
	CHECK(busy >= 1 && busy <= 8);
	peer_done(&w[0]);
	check_alive(&w[1]);
	peer_done(&w[1]);
	peer_done(&other);
}

static json_int_t files_refused(void)
{
	struct peer p;
	json_int_t n;

	dial(&p);
	n = json_integer_value(json_object_get(p.value, "files_refused"));
	peer_done(&p);
	return n;
}

static void send_files(struct peer *w, int fd, size_t n)
{
	static char control[CMSG_SPACE(253 * sizeof(int))] __attribute__((aligned(8)));
	uint8_t bytes[FRAME_HEADER] = {0, 0, INFER_STOP};
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (size_t i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	CHECK(sendmsg(w->fd, &msg, 0) == (ssize_t)sizeof(bytes));
}

/* catalogue 96 */
TEST(files_of_a_worker_never_arrive_and_are_counted)
{
	struct pollfd held = {.events = POLLIN};
	json_int_t counted;
	struct peer w;
	int gift[2];

	CHECK(pipe2(gift, O_CLOEXEC) == 0);
	attach(&agent, &w, "files");
	counted = files_refused();
	send_files(&w, gift[1], 1);
	send_files(&w, w.fd, 1); /* the link itself: a cycle */
	for (int i = 0; i < 50; i++)
		send_files(&w, gift[1], 253);
	check_alive(&w);
	CHECK(files_refused() == counted + 52);
	/* Nobody writes to the pipe any more: nobody has it. */
	close(gift[1]);
	held.fd = gift[0];
	CHECK(poll(&held, 1, PATIENCE_MS) == 1 && (held.revents & POLLHUP));
	close(gift[0]);
	peer_done(&w);
}

/* catalogue 94, 95 */
TEST(a_bad_frame_ends_its_own_link_only)
{
	struct peer bad, good;

	attach(&agent, &good, "good");
	attach(&agent, &bad, "bad");
	send_message(&bad, 0x42, 0, "", -1); /* not of this link */
	CHECK(next_message(&bad) == -1);
	peer_done(&bad);

	attach(&agent, &bad, "bad");
	send_message(&bad, INFER_RESULT, 0, "{}", -1); /* of the other direction */
	CHECK(next_message(&bad) == -1);
	peer_done(&bad);

	attach(&agent, &bad, "bad");
	CHECK(send(bad.fd, "\xff\xff\xb0", 3, 0) == 3); /* no whole header */
	CHECK(next_message(&bad) == -1);
	peer_done(&bad);

	attach(&agent, &bad, "bad");
	CHECK(send(bad.fd, "", 0, 0) == 0); /* no byte at all */
	CHECK(next_message(&bad) == -1);
	peer_done(&bad);

	attach(&agent, &bad, "bad"); /* a length that lies */
	CHECK(send(bad.fd, "\xff\xff\xb0\0\0\0\0\0\0\0\0\0\0\0\0\0{}", 18, 0) == 18);
	CHECK(next_message(&bad) == -1);
	peer_done(&bad);

	attach(&agent, &bad, "bad");
	call(&bad, 1, WRITER, "chat", STORY);
	call(&bad, 1, WRITER, "chat", STORY); /* a call id in use */
	while (next_message(&bad) >= 0)
		;
	peer_done(&bad);
	check_alive(&good);
	peer_done(&good);
}

TEST(a_bad_control_message_ends_that_connection_only)
{
	struct peer other, w;

	dial(&other);
	send_message(
		&other, MODELS_ATTACH, 0, "{\"replica\":\"x\",\"space\":\"\"}", -1); /* no file */
	CHECK(next_message(&other) == -1);
	peer_done(&other);
	dial(&other);
	send_message(&other, MODELS_ASSIGN, 0, "{}", -1);
	CHECK(next_message(&other) == -1);
	peer_done(&other);
	attach(&agent, &w, "r1");
	check_alive(&w);
	peer_done(&w);
}

TEST(a_worker_that_dies_in_the_middle_of_a_text_takes_its_calls_along)
{
	struct peer w, other;

	attach(&agent, &other, "other");
	for (int i = 0; i < 20; i++) {
		attach(&agent, &w, "dying");
		call(&w, 1, WRITER, "chat", STORY ",\"options\":{\"max_tokens\":400}");
		call(&w, 2, WRITER, "chat", STORY ",\"options\":{\"max_tokens\":400}");
		if (i % 2)
			CHECK(next_message(&w) == INFER_TOKEN);
		peer_done(&w);
	}
	check_alive(&other);
	peer_done(&other);
}

TEST(a_replica_attached_again_leaves_its_old_link)
{
	struct peer old, new;

	attach(&agent, &old, "again");
	check_alive(&old);
	attach(&agent, &new, "again");
	CHECK(next_message(&old) == -1);
	check_alive(&new);
	peer_done(&old);
	peer_done(&new);
}

TEST(a_worker_that_reads_nothing_is_dropped_and_nobody_waits_for_it)
{
	struct peer w, other;

	attach(&agent, &w, "deaf");
	attach(&agent, &other, "other");
	for (uint32_t i = 0; i < 30; i++)
		call(&w, i, WRITER, "chat", STORY ",\"options\":{\"max_tokens\":400}");
	check_alive(&other);
	peer_done(&w);
	peer_done(&other);
}

/* Another program, with room for either of the two models and not for both: calls come before
 * anything is loaded, and each is held until its model is there. */
static void check_models_take_turns(void)
{
	struct peer one, two;

	printf("calls_wait_for_their_model_and_models_take_turns_in_memory\n");
	inference_start("6", NULL);
	dial(&agent);
	attach(&agent, &one, "one");
	attach(&agent, &two, "two");
	for (uint32_t i = 0; i < 3; i++) {
		call(&one, i, SENTIMENT, "text-classification", "\"inputs\":\"I love it.\"");
		call(&two, i, WRITER, "chat", STORY ",\"options\":{\"max_tokens\":3}");
		CHECK(next_message(&one) == INFER_RESULT && one.f.seq == i);
		while (next_message(&two) == INFER_TOKEN)
			;
		CHECK(two.f.type == INFER_RESULT && two.f.seq == i);
	}
	CHECK(one.loadings >= 2 && two.loadings >= 2); /* each time the other's had been there */
	call(&one, 7, SENTIMENT, "text-classification", "\"inputs\":\"I love it.\"");
	send_message(&one, INFER_STOP, 7, "", -1);
	CHECK(next_message(&one) == INFER_ERROR || one.f.type == INFER_RESULT);
	call(&two, 8, WRITER, "chat", STORY); /* held, and gone with its worker */
	peer_done(&two);
	check_alive(&one);
	peer_done(&one);
	peer_done(&agent);
	inference_stop();
}

int main(void)
{

	if (access("models/tiny-writer/model.safetensors", R_OK) < 0 ||
		access("models/tiny-sentiment/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: the shipped models are not there\n");
		return 77;
	}
	inference_start("1024", NULL);
	dial(&agent);
	until_settled(&agent);
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	peer_done(&agent);
	inference_stop();
	check_models_take_turns();
	return 0;
}
