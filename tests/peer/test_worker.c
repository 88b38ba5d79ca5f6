/*
 * The sealed program itself, outside of a box: that it lives under its own seal (a call the filter
 * forbids would end it by SIGSYS), and how it ends.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/link.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/peer/worker.h"
#include "tests/support/test.h"

#define PAGE(body)                                                                                 \
	"local ui, models, time, json = require 'vitrine.ui', require 'vitrine.models',\n"         \
	"  require 'vitrine.time', require 'vitrine.json'\n"                                       \
	"return ui.page({}, function()\n"                                                          \
	"  local go, out = ui.button { 'Go', id = 'go' }, ui.textbox { id = 'out' }\n"             \
	"  go:on_click(function(session)\n" body "\n  end)\n"                                      \
	"  return ui.column { go, out }\n"                                                         \
	"end)\n"

static uint32_t go(void)
{
	return crc32c(0, "go", 2);
}

static void serve(const char *app, uint32_t clicks)
{
	struct peer p;
	int status;

	peer_start(&p, WORKER_PROGRAM);
	(void)peer_load(&p, app);
	peer_open(&p);
	for (uint32_t n = 1; n <= clicks; n++)
		peer_click(&p, go(), n);
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(a_sealed_worker_serves_clicks_and_ends_with_its_link)
{
	serve(PAGE("out:set('x')"), 50);
}

TEST(everything_the_sdk_offers_lives_under_the_seal)
{
	serve(PAGE("print(os.date(), os.time(), os.clock(), math.random())\n"
		   "time.sleep(0.01)\n"
		   "session.t = json.decode('{\"a\":[1,2]}') session:save()\n"
		   "local big = {} for i = 1, 200000 do big[i] = tostring(i) end\n"
		   "local s = table.concat(big) big = nil collectgarbage()\n"
		   "local ok = pcall(models.generate('a/b').complete, models.generate('a/b'), 1)\n"
		   "table.sort({ 3, 1, 2 }, function(a, b) return a < b end)\n"
		   "ui.progress(0.5) ui.info('x') out:set(#s)\n"
		   "for i = 1, 2e7 do end\n"
		   "pcall(function() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) .. i end "
		   "end)"),
		3);
}

TEST(a_message_out_of_turn_ends_it_with_a_reason)
{
	const struct frame infer = {.type = APP_INFER}; /* without its file */
	char log[1024] = "";
	struct peer p;
	struct frame f;
	int status;

	peer_start(&p, WORKER_PROGRAM);
	peer_send(&p, &infer, -1);
	CHECK(!peer_receive(&p, &f));
	CHECK(read(p.log, log, sizeof(log) - 1) > 0 &&
		strstr(log, "app.INFER: the link is missing"));
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

TEST(an_app_that_does_not_load_is_said_with_its_line_and_ends_the_worker)
{
	struct peer p;
	struct frame f;
	int status;

	peer_start(&p, WORKER_PROGRAM);
	CHECK(peer_give(
		&p, "local ui = require 'vitrine.ui'\nreturn ui.interface { fnn = print }", &f));
	CHECK(f.type == APP_LOAD_FAILED);
	CHECK(memmem(f.value, f.length, "did you mean 'fn'", 17));
	CHECK(memmem(f.value, f.length, "\"line\":2", 8));
	CHECK(!peer_receive(&p, &f));
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/*
 * What no hook reaches and no function of ours stands before: others wait behind it, so the worker
 * gives itself up, with the reason in the log.
 */
static void check_it_gives_up(const char *app)
{
	struct peer p;
	struct frame f = {.type = APP_EVENT,
		.op = EVENT_CLICK,
		.channel = 7,
		.node = go(),
		.seq = 1,
		.value = (const uint8_t *)"null",
		.length = 4};
	char log[4096] = "";
	int status;

	peer_start(&p, WORKER_PROGRAM);
	(void)peer_load(&p, app);
	peer_open(&p);
	peer_send(&p, &f, -1);
	CHECK(!peer_receive(&p, &f));
	CHECK(read(p.log, log, sizeof(log) - 1) > 0);
	CHECK(strstr(log, "ran for too long"));
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

/* Whole numbers chosen against Lua's hash, which has no seed for them, all fall together when their
 * table grows. catalogue 25 */
TEST(a_table_that_grows_for_seconds_ends_the_worker)
{
	check_it_gives_up(PAGE("local m, t = (1 << 18) - 1, {}\n"
			       "for i = 1, 131073 do t[i * m] = true end"));
}

/* Each step of a chain of __call shifts all arguments. catalogue 15 */
TEST(a_call_that_never_gets_to_a_function_ends_the_worker)
{
	check_it_gives_up(
		PAGE("local t = setmetatable({}, {}) getmetatable(t).__call = t pcall(t)"));
}

/* Each round of the collector finds one more key of a chain through weak keys. catalogue 20 */
TEST(a_collection_that_goes_round_for_seconds_ends_the_worker)
{
	check_it_gives_up(
		PAGE("local weak, chain = setmetatable({}, { __mode = 'k' }), {}\n"
		     "for i = 1, 60000 do local k = {} weak[k] = { chain } chain = k end\n"
		     "collectgarbage() collectgarbage()"));
}

/* --- calls --- */

#define FUNCTIONS                                                                                  \
	"local ui, time = require 'vitrine.ui', require 'vitrine.time'\n"                          \
	"return ui.page({}, function(page)\n"                                                      \
	"  page:api('echo', { inputs = ui.textbox { label = 'Text', max_length = 4000000 },\n"     \
	"    outputs = ui.textbox {}, fn = function(t) return t end })\n"                          \
	"  page:api('any', { inputs = ui.json { label = 'Value' }, outputs = ui.json {},\n"        \
	"    fn = function(v) return v end })\n"                                                   \
	"  page:api('wait', { fn = function() time.sleep(50) end })\n"                             \
	"  return ui.row {}\n"                                                                     \
	"end)\n"

/* Sends CALL n of that function; arguments: JSON of n_arguments bytes. */
static void call(
	struct peer *p, uint32_t n, const char *name, const char *arguments, size_t n_arguments)
{
	char key[64];
	struct frame f = {.type = APP_CALL, .op = EVENT_CALL, .channel = 7, .seq = n};
	struct buf value;

	(void)snprintf(key, sizeof(key), "api/%s", name);
	f.node = crc32c(0, key, strlen(key));
	buf_init(&value, 5 << 20);
	CHECK(buf_add(&value, name, strlen(name) + 1) == 0);
	CHECK(buf_add(&value, arguments, n_arguments) == 0);
	f.value = value.data;
	f.length = value.len;
	peer_send(p, &f, -1);
	buf_done(&value);
}

/* Until event n has ended: how many bytes RESULT_FINAL had; -1: none came, a FAIL did. */
static long ended(struct peer *p, uint32_t n)
{
	struct frame in;
	long final = -2;

	do {
		CHECK(peer_receive(p, &in));
		CHECK(in.type != APP_PATCH);
		if (in.type == APP_RESULT && in.op == RESULT_FINAL && in.node == n)
			final = (long)in.length;
		if (in.type == APP_FAIL && in.node == n)
			final = -1;
		if (in.type == APP_COMMIT)
			peer_send(p, &(struct frame){.type = APP_ACK, .channel = 7, .seq = in.seq},
				-1);
	} while (in.type != APP_COMMIT || in.op != COMMIT_FINISH || in.node != n);
	CHECK(final != -2);
	return final;
}

static long peak_kib(pid_t pid);

TEST(a_megabyte_of_text_goes_through_a_call_and_hostile_ones_end_alone)
{
	const size_t mib = 1 << 20, most = (4 << 20) - 64;
	struct peer p;
	uint32_t n = 0;
	char *big = malloc(most);
	int status;

	CHECK(big);
	memset(big, 'x', most);
	memcpy(big, "[\"", 2);
	memcpy(big + mib + 2, "\"]", 2);
	peer_start(&p, WORKER_PROGRAM);
	(void)peer_load(&p, FUNCTIONS);
	peer_open(&p);
	for (int i = 0; i < 4; i++) {
		call(&p, ++n, "echo", big, mib + 4);
		CHECK(ended(&p, n) == (long)mib + 4);
	}
	/* No array, no end, too many, no such function, a table for every two bytes. */
	call(&p, ++n, "echo", "{}", 2);
	CHECK(ended(&p, n) == -1);
	big[mib + 2] = 'x';
	call(&p, ++n, "echo", big, most);
	CHECK(ended(&p, n) == -1);
	call(&p, ++n, "echo", "[\"a\",1,2,3]", 12);
	CHECK(ended(&p, n) == -1);
	call(&p, ++n, "nothing", "[]", 2);
	CHECK(ended(&p, n) == -1);
	for (size_t i = 0; i + 3 <= most; i += 3)
		memcpy(big + i, "[],", 3);
	call(&p, ++n, "any", big, most);
	CHECK(ended(&p, n) == -1);
	big[0] = '[';
	call(&p, ++n, "any", big, most);
	CHECK(ended(&p, n) == -1);
	call(&p, ++n, "any", "[{}]", 4);
	CHECK(ended(&p, n) == 4);
	CHECK(peak_kib(p.pid) < 62 << 10);
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free(big);
}

TEST(calls_end_by_cancel_with_a_word_and_by_close_without)
{
	struct peer p;
	struct frame in;
	int status;

	peer_start(&p, WORKER_PROGRAM);
	(void)peer_load(&p, FUNCTIONS);
	peer_open(&p);
	for (uint32_t n = 1; n <= 20; n++) /* more than run at once */
		call(&p, n, "wait", "[]", 2);
	for (uint32_t n = 20; n >= 1; n--) {
		peer_send(&p, &(struct frame){.type = APP_CANCEL, .channel = 7, .seq = n}, -1);
		CHECK(ended(&p, n) == -1);
	}
	call(&p, 21, "wait", "[]", 2);
	peer_send(&p, &(struct frame){.type = APP_CLOSE, .channel = 7}, -1);
	call(&p, 22, "any", "[1]", 3); /* the session is not there any more */
	CHECK(peer_receive(&p, &in) && in.type == APP_LOST);
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static long peak_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmHWM:", 6))
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

/* --- grants --- */

#define MODEL_APP                                                                                  \
	PAGE("pcall(function() return require('vitrine.models').pipeline('text-classification', "  \
	     "'a/b')('x') end) out:set('done')")

/* The next model call of the worker, refused at once; its grant: "" where it carries none. */
static void refuse_model_call(struct peer *p, struct frame *ret, char grant[GRANT_MAX + 1])
{
	static uint8_t packet[FRAME_PACKET_MAX];
	static const char no[] = "{\"code\":\"quota\",\"message\":\"no\"}";
	struct pollfd wait = {.fd = p->infer, .events = POLLIN};
	struct frame answer = {
		.type = INFER_ERROR, .value = (const uint8_t *)no, .length = sizeof(no) - 1};
	struct infer_call m;
	struct err e = {0};
	ssize_t n;

	CHECK(poll(&wait, 1, 10000) == 1);
	n = recv(p->infer, packet, sizeof(packet), 0);
	CHECK(n > 0 && frame_read(ret, packet, (size_t)n, &e) > 0 && ret->type == INFER_CALL);
	CHECK(infer_call_read(&m, ret->value, ret->length, &e) == 0);
	CHECK(!strcmp(m.model, "a/b"));
	(void)snprintf(grant, GRANT_MAX + 1, "%s", m.grant ? m.grant : "");
	infer_call_done(&m);
	answer.seq = ret->seq;
	CHECK(link_post(p->infer, &answer, NULL, 0) == 0);
}

static void grant_and_click(struct peer *p, uint32_t granted, uint32_t n, const char *grant)
{
	const struct frame g = {.type = APP_GRANT,
		.channel = 7,
		.seq = granted,
		.value = (const uint8_t *)grant,
		.length = strlen(grant)};
	const struct frame f = {.type = APP_EVENT,
		.op = EVENT_CLICK,
		.channel = 7,
		.node = go(),
		.seq = n,
		.value = (const uint8_t *)"null",
		.length = 4};

	if (*grant)
		peer_send(p, &g, -1);
	peer_send(p, &f, -1);
}

TEST(a_grant_goes_with_the_model_calls_of_its_event_and_of_no_other)
{
	char grant[GRANT_MAX + 1];
	struct frame f;
	struct peer p;
	int status;

	peer_start(&p, WORKER_PROGRAM);
	(void)peer_load(&p, MODEL_APP);
	peer_open(&p);
	grant_and_click(&p, 1, 1, "00ff");
	refuse_model_call(&p, &f, grant);
	CHECK(!strcmp(grant, "00ff") && f.channel == 7 && f.node == 1);
	grant_and_click(&p, 0, 2, "");
	refuse_model_call(&p, &f, grant);
	CHECK(!strcmp(grant, "") && f.node == 2);
	grant_and_click(&p, 9, 3, "abcd"); /* for another event */
	refuse_model_call(&p, &f, grant);
	CHECK(!strcmp(grant, "") && f.node == 3);
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(a_grant_that_is_more_than_digits_ends_the_link)
{
	struct peer p;
	struct frame in;
	int status;

	peer_start(&p, WORKER_PROGRAM);
	(void)peer_load(&p, MODEL_APP);
	peer_open(&p);
	grant_and_click(&p, 1, 1, "00\",\"model\":\"x/y");
	CHECK(!peer_receive(&p, &in));
	status = peer_end(&p);
	CHECK(WIFEXITED(status));
}

/* A heap of 48 MiB, what is shown and what was sent beside it: a box of 64 MiB has room for that.
 * catalogue 20, 21 */
TEST(no_memory_bomb_takes_more_than_the_heap_has)
{
	static const char bombs[] =
		PAGE("local function try(f) pcall(f) collectgarbage() end\n"
		     "try(function() local s = 'x' while true do s = s .. s end end)\n"
		     "try(function() local t = {} for i = 1, 1e9 do t[i] = {} end end)\n"
		     "try(function() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(i) end end)\n"
		     "try(function() local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) "
		     "end end)\n"
		     "try(function() local t = {} for i = 1, 1e9 do t[i] = function() return i end "
		     "end end)\n"
		     "try(function() json.decode('[' .. ('{},'):rep(1200000) .. '1]') end)\n"
		     "try(function() json.decode(('['):rep(60) .. ('[],'):rep(1200000)) end)\n"
		     "try(function() return (('x'):rep(1e6):gsub('', ('y'):rep(1000))) end)\n"
		     "out:set('alive')");
	struct peer p;
	int status;

	peer_start(&p, WORKER_PROGRAM);
	(void)peer_load(&p, bombs);
	peer_open(&p);
	for (uint32_t n = 1; n <= 3; n++)
		peer_click(&p, go(), n);
	CHECK(peak_kib(p.pid) < 60 << 10);
	status = peer_end(&p);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_MAIN()
