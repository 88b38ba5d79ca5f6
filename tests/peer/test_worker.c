/*
 * The sealed program itself, outside of a box: that it lives under its own seal (a call the filter
 * forbids would end it by SIGSYS), and how it ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crc32c.h"
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
