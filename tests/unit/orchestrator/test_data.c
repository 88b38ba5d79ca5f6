#include "orchestrator/data/data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/data/files.h"
#include "proto/constants.h"
#include "tests/support/test.h"

#define HEARD_MAX 256

struct heard {
	uint64_t ticket;
	uint8_t op;
	char *text; /* owned */
};

struct fixture {
	char dir[64];
	struct loop *loop;
	struct offload *offload;
	struct data *data;
	struct heard heard[HEARD_MAX];
	size_t n;
	uint64_t tickets;
};

static void hear(uint64_t ticket, uint8_t op, const void *value, size_t n, void *data)
{
	struct fixture *t = data;
	struct heard *h = &t->heard[t->n++];

	CHECK(t->n < HEARD_MAX);
	*h = (struct heard){ticket, op, malloc(n + 1)};
	CHECK(h->text);
	memcpy(h->text, value, n);
	h->text[n] = '\0';
	for (size_t i = 0; op == HOST_FAILED && i < n; i++)
		if (!h->text[i])
			h->text[i] = ' '; /* code, NUL, words */
}

static void open_data(struct fixture *t, uint64_t keys, uint64_t bytes)
{
	const struct data_config config = {.loop = t->loop,
		.offload = t->offload,
		.where = t->dir,
		.limits = {.keys = keys, .bytes = bytes, .file_bytes = 100}};

	CHECK(data_new(&config, &t->data, NULL) == 0);
}

static void set_up(struct fixture *t)
{
	*t = (struct fixture){.dir = "/tmp/vitrine-data-XXXXXX"};
	CHECK(mkdtemp(t->dir));
	CHECK(loop_new(&t->loop) == 0 && offload_new(t->loop, &t->offload) == 0);
	open_data(t, 1000, 1 << 20);
}

static void forget_heard(struct fixture *t)
{
	while (t->n > 0)
		free(t->heard[--t->n].text);
}

static void tear_down(struct fixture *t)
{
	forget_heard(t);
	(void)data_free(t->data);
	(void)offload_free(t->offload);
	(void)loop_free(t->loop);
	CHECK(fs_remove_tree(t->dir) == 0);
}

static uint64_t begin(struct fixture *t, const char *id, const char *space, const char *user,
	const char *op, const char *body)
{
	const struct data_call c = {.id = id,
		.space = space,
		.user = user,
		.visitor = "v1",
		.op = op,
		.body = body,
		.n = strlen(body)};

	data_take(t->data, &c, ++t->tickets, hear, t);
	return t->tickets;
}

static const char *answer_of(struct fixture *t, uint64_t ticket)
{
	for (int rounds = 0; rounds < 1000; rounds++) {
		for (size_t i = 0; i < t->n; i++)
			if (t->heard[i].ticket == ticket)
				return t->heard[i].text;
		CHECK(loop_dispatch(t->loop, 1000) >= 0);
	}
	return "no answer";
}

/* A call with an id of its own, and its answer. */
static const char *ask(
	struct fixture *t, const char *space, const char *user, const char *op, const char *body)
{
	char id[32];

	(void)snprintf(id, sizeof(id), "w-%llu", (unsigned long long)t->tickets + 1000);
	return answer_of(t, begin(t, id, space, user, op, body));
}

static bool is(const char *a, const char *b)
{
	if (!strcmp(a, b))
		return true;
	fprintf(stderr, "got %s, wanted %s\n", a, b);
	return false;
}

TEST(what_was_set_is_read_as_it_was)
{
	struct fixture t;

	set_up(&t);
	CHECK(is(ask(&t, "s", "", "get", "{\"key\":\"k\"}"), "{}"));
	CHECK(is(ask(&t, "s", "", "set",
			 "{\"key\":\"k\",\"value\":{\"b\":[1,1.0,null,\"\\u00fc\"]}}"),
		"{\"revision\":1}"));
	CHECK(is(ask(&t, "s", "", "get", "{\"key\":\"k\"}"),
		"{\"revision\":1,\"value\":{\"b\":[1,1.0,null,\"\xc3\xbc\"]}}"));
	CHECK(is(ask(&t, "other", "", "get", "{\"key\":\"k\"}"), "{}"));
	CHECK(is(ask(&t, "s", "", "delete", "{\"key\":\"k\"}"), "{\"deleted\":true}"));
	CHECK(is(ask(&t, "s", "", "delete", "{\"key\":\"k\"}"), "{\"deleted\":false}"));
	CHECK(is(ask(&t, "s", "", "usage", "{}"),
		"{\"keys\":0,\"bytes\":0,\"keys_max\":1000,\"bytes_max\":1048576,"
		"\"files\":0,\"file_bytes\":0,\"file_bytes_max\":100}"));
	tear_down(&t);
}

TEST(each_visitor_has_keys_of_their_own)
{
	struct fixture t;

	set_up(&t);
	(void)ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":\"all\"}");
	(void)ask(&t, "s", "ada", "set", "{\"key\":\"k\",\"value\":\"ada\",\"user\":true}");
	(void)ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":\"v1\",\"user\":true}");
	CHECK(strstr(ask(&t, "s", "", "get", "{\"key\":\"k\"}"), "\"all\""));
	CHECK(strstr(ask(&t, "s", "ada", "get", "{\"key\":\"k\",\"user\":true}"), "\"ada\""));
	CHECK(strstr(ask(&t, "s", "", "get", "{\"key\":\"k\",\"user\":true}"), "\"v1\""));
	CHECK(is(ask(&t, "s", "bob", "get", "{\"key\":\"k\",\"user\":true}"), "{}"));
	tear_down(&t);
}

TEST(a_revision_tells_whether_somebody_was_faster)
{
	struct fixture t;

	set_up(&t);
	CHECK(is(ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":1,\"if\":0}"),
		"{\"revision\":1}"));
	CHECK(is(ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":2,\"if\":0}"),
		"{\"conflict\":true,\"revision\":1}"));
	CHECK(is(ask(&t, "s", "", "delete", "{\"key\":\"k\",\"if\":7}"),
		"{\"conflict\":true,\"revision\":1}"));
	(void)ask(&t, "s", "", "delete", "{\"key\":\"k\",\"if\":1}");
	/* One that was there before is another one. */
	CHECK(is(ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":1,\"if\":0}"),
		"{\"revision\":3}"));
	CHECK(is(ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":2,\"if\":1}"),
		"{\"conflict\":true,\"revision\":3}"));
	tear_down(&t);
}

TEST(a_call_that_comes_again_is_done_once_and_answered_the_same)
{
	struct fixture t;
	const char *body = "{\"key\":\"k\",\"value\":1,\"if\":0}";
	uint64_t first, again;

	set_up(&t);
	first = begin(&t, "w-1", "s", "", "set", body);
	again = begin(&t, "w-1", "s", "", "set", body); /* before the first is on the disk */
	CHECK(is(answer_of(&t, first), "{\"revision\":1}"));
	CHECK(is(answer_of(&t, again), "{\"revision\":1}"));
	CHECK(is(ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":2}"), "{\"revision\":2}"));
	(void)data_free(t.data);
	open_data(&t, 1000, 1 << 20);
	CHECK(is(answer_of(&t, begin(&t, "w-1", "s", "", "set", body)), "{\"revision\":1}"));
	CHECK(is(ask(&t, "s", "", "get", "{\"key\":\"k\"}"), "{\"revision\":2,\"value\":2}"));
	tear_down(&t);
}

TEST(keys_are_listed_in_order_by_prefix_page_by_page)
{
	struct fixture t;
	char body[64];

	set_up(&t);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(body, sizeof(body), "{\"key\":\"n/%d\",\"value\":%d}", i, i);
		(void)ask(&t, "s", "", "set", body);
	}
	(void)ask(&t, "s", "", "set", "{\"key\":\"z\\\"\",\"value\":0}");
	CHECK(is(ask(&t, "s", "", "list", "{\"prefix\":\"n/\",\"limit\":2}"),
		"{\"items\":[{\"key\":\"n/0\",\"revision\":1,\"bytes\":4},"
		"{\"key\":\"n/1\",\"revision\":2,\"bytes\":4}],\"more\":true}"));
	CHECK(is(ask(&t, "s", "", "list", "{\"prefix\":\"n/\",\"after\":\"n/2\",\"values\":true}"),
		"{\"items\":[{\"key\":\"n/3\",\"revision\":4,\"bytes\":4,\"value\":3},"
		"{\"key\":\"n/4\",\"revision\":5,\"bytes\":4,\"value\":4}],\"more\":false}"));
	CHECK(strstr(ask(&t, "s", "", "list", "{\"prefix\":\"z\"}"), "\"key\":\"z\\\"\""));
	tear_down(&t);
}

TEST(only_whoever_manages_a_space_reads_the_keys_of_all_visitors)
{
	struct data_call c = {.id = "h-1", .space = "s", .user = "", .visitor = "", .op = "dump"};
	struct fixture t;

	set_up(&t);
	(void)ask(&t, "s", "", "set", "{\"key\":\"k\",\"value\":1}");
	(void)ask(&t, "s", "ada", "set", "{\"key\":\"k\",\"value\":2,\"user\":true}");
	CHECK(strstr(ask(&t, "s", "", "dump", "{}"), "the store has no operation 'dump'"));
	c.owner_scope = "";
	c.body = "{}";
	c.n = 2;
	data_take(t.data, &c, ++t.tickets, hear, &t);
	CHECK(is(answer_of(&t, t.tickets),
		"{\"items\":[{\"key\":\"k\",\"revision\":1,\"bytes\":2,\"value\":1},"
		"{\"key\":\"k\",\"revision\":2,\"bytes\":2,\"visitor\":\"u:ada\",\"value\":2}],"
		"\"more\":false}"));
	c.body = "{\"visitor\":\"\",\"after\":\"k\"}";
	c.n = strlen(c.body);
	data_take(t.data, &c, ++t.tickets, hear, &t);
	CHECK(!strstr(answer_of(&t, t.tickets), "\"value\":1}"));
	c.op = "get";
	c.owner_scope = "u:ada";
	c.body = "{\"key\":\"k\"}";
	c.n = strlen(c.body);
	data_take(t.data, &c, ++t.tickets, hear, &t);
	CHECK(strstr(answer_of(&t, t.tickets), "\"value\":2"));
	tear_down(&t);
}

TEST(quotas_hold_for_the_space_and_for_a_visitor_in_words)
{
	struct fixture t;
	char body[64];

	set_up(&t);
	(void)data_free(t.data);
	open_data(&t, 2, 40);
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":1}");
	(void)ask(&t, "s", "", "set", "{\"key\":\"b\",\"value\":1}");
	CHECK(is(ask(&t, "s", "", "set", "{\"key\":\"c\",\"value\":1}"),
		"quota the Space has 2 keys, the limit is 2"));
	CHECK(is(ask(&t, "s", "", "set",
			 "{\"key\":\"a\",\"value\":\"0123456789012345678901234567890123456789\"}"),
		"quota the Space keeps 4 bytes and this would add 41, the limit is 40"));
	CHECK(strstr(ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":2}"), "revision"));
	CHECK(strstr(ask(&t, "s2", "", "set", "{\"key\":\"a\",\"value\":2}"), "revision"));
	(void)data_free(t.data);
	open_data(&t, 1000, 1 << 20);
	for (int i = 0; i < DATA_SCOPE_KEYS; i++) {
		(void)snprintf(body, sizeof(body), "{\"key\":\"%d\",\"value\":1,\"user\":true}", i);
		CHECK(strstr(ask(&t, "s", "ada", "set", body), "revision"));
		forget_heard(&t);
	}
	CHECK(is(ask(&t, "s", "ada", "set", "{\"key\":\"x\",\"value\":1,\"user\":true}"),
		"quota the visitor has 256 keys, the limit is 256"));
	CHECK(strstr(ask(&t, "s", "bob", "set", "{\"key\":\"x\",\"value\":1,\"user\":true}"),
		"revision"));
	tear_down(&t);
}

TEST(what_is_no_call_is_refused_in_words)
{
	struct fixture t;

	set_up(&t);
	CHECK(strstr(
		ask(&t, "s", "", "drop", "{}"), "bad_input the store has no operation 'drop'"));
	CHECK(strstr(ask(&t, "s", "", "get", "["), "bad_input JSON"));
	CHECK(strstr(ask(&t, "s", "", "file.end", "["), "bad_input JSON"));
	CHECK(strstr(ask(&t, "s", "", "file.end", "[]"), "bad_input arguments"));
	CHECK(strstr(ask(&t, "s", "", "get", "[]"), "bad_input arguments: must be an object"));
	CHECK(strstr(ask(&t, "s", "", "get", "{}"), "bad_input key: "));
	CHECK(strstr(ask(&t, "s", "", "get", "{\"key\":\"\"}"), "bad_input key: a key has 1 to"));
	CHECK(strstr(ask(&t, "s", "", "get", "{\"key\":\"a\\nb\"}"), "without control"));
	CHECK(strstr(ask(&t, "s", "", "set", "{\"key\":\"a\"}"), "bad_input value: is missing"));
	CHECK(strstr(ask(&t, "s", "", "list", "{\"limit\":0}"), "bad_input limit: "));
	tear_down(&t);
}

TEST(a_space_that_is_gone_leaves_nothing)
{
	struct fixture t;

	set_up(&t);
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":1}");
	(void)ask(&t, "s", "ada", "set", "{\"key\":\"a\",\"value\":1,\"user\":true}");
	(void)ask(&t, "s2", "", "set", "{\"key\":\"a\",\"value\":1}");
	CHECK(data_forget(t.data, "s", NULL) == 0 && data_forget(t.data, "s", NULL) == 0);
	CHECK(is(ask(&t, "s", "", "get", "{\"key\":\"a\"}"), "{}"));
	CHECK(is(ask(&t, "s", "ada", "get", "{\"key\":\"a\",\"user\":true}"), "{}"));
	CHECK(strstr(ask(&t, "s2", "", "get", "{\"key\":\"a\"}"), "\"value\":1"));
	tear_down(&t);
}

/* --- files --- */

static void begin_file(struct fixture *t, const char *name, char ret_id[27])
{
	char body[300];
	const char *said;

	(void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
	said = ask(t, "s", "", "file.begin", body);
	CHECK(!strncmp(said, "{\"id\":\"", 7) && strlen(said) == 35);
	(void)snprintf(ret_id, 27, "%.26s", said + 7);
}

/* Arguments, NUL, bytes. */
static const char *write_file(struct fixture *t, const char *id, int offset, const char *bytes)
{
	char body[600], call[32];
	int n = snprintf(
		body, sizeof(body), "{\"id\":\"%s\",\"offset\":%d}%c%s", id, offset, '\0', bytes);
	const struct data_call c = {.id = call,
		.space = "s",
		.user = "",
		.visitor = "v1",
		.op = "file.write",
		.body = body,
		.n = (size_t)n};

	(void)snprintf(call, sizeof(call), "f-%llu", (unsigned long long)++t->tickets);
	data_take(t->data, &c, t->tickets, hear, t);
	return answer_of(t, t->tickets);
}

static const char *end_file(struct fixture *t, const char *id, const char *name, int size)
{
	char body[300];

	(void)snprintf(
		body, sizeof(body), "{\"id\":\"%s\",\"name\":\"%s\",\"size\":%d}", id, name, size);
	return ask(t, "s", "", "file.end", body);
}

static const char *keep_file(struct fixture *t, const char *name, const char *bytes)
{
	char id[27];

	begin_file(t, name, id);
	CHECK(strstr(write_file(t, id, 0, bytes), "size"));
	return end_file(t, id, name, (int)strlen(bytes));
}

static bool reads(struct fixture *t, const char *name, const char *wanted)
{
	char body[300];
	const char *said;

	(void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"offset\":0,\"n\":1000}", name);
	said = ask(t, "s", "", "file.read", body);
	return is(said + strlen(said) + 1, wanted);
}

static size_t count_in(struct fixture *t, const char *folder)
{
	char dir[96];
	struct dirent *entry;
	size_t n = 0;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%s/files/%s", t->dir, folder);
	d = opendir(dir);
	while (d && (entry = readdir(d)))
		n += strlen(entry->d_name) >= 26;
	if (d)
		(void)closedir(d);
	return n;
}

/* Of the Space s, parts too. */
static size_t count_files(struct fixture *t)
{
	return count_in(t, "s") + count_in(t, "s/parts");
}

TEST(a_file_is_there_whole_once_it_has_ended_and_replaces_the_one_before)
{
	struct fixture t;
	char id[27];

	set_up(&t);
	begin_file(&t, "out/a.txt", id);
	CHECK(is(write_file(&t, id, 0, "Hello, "), "{\"size\":7}"));
	CHECK(is(write_file(&t, id, 7, "world"), "{\"size\":12}"));
	CHECK(is(write_file(&t, id, 7, "world"), "{\"size\":12}")); /* sent again */
	CHECK(is(ask(&t, "s", "", "file.stat", "{\"name\":\"out/a.txt\"}"), "{}"));
	CHECK(strstr(end_file(&t, id, "out/a.txt", 12), "{\"size\":12,\"revision\":1,"));
	CHECK(reads(&t, "out/a.txt", "Hello, world"));
	CHECK(strstr(keep_file(&t, "out/a.txt", "Bye"), "\"revision\":2"));
	CHECK(reads(&t, "out/a.txt", "Bye") && count_files(&t) == 1);
	CHECK(is(ask(&t, "s", "", "file.read",
			 "{\"name\":\"out/a.txt\",\"offset\":0,\"n\":1,\"revision\":1}"),
		"{\"changed\":true}"));
	(void)keep_file(&t, "b", "");
	CHECK(strstr(ask(&t, "s", "", "file.list", "{\"limit\":1}"),
		"{\"items\":[{\"name\":\"b\",\"size\":0,"));
	CHECK(is(ask(&t, "s", "", "file.remove", "{\"name\":\"b\"}"), "{\"removed\":true}"));
	CHECK(is(ask(&t, "s", "", "file.remove", "{\"name\":\"b\"}"), "{\"removed\":false}"));
	CHECK(count_files(&t) == 1);
	CHECK(strstr(ask(&t, "s", "", "usage", "{}"), "\"files\":1,\"file_bytes\":3,"));
	CHECK(data_forget(t.data, "s", NULL) == 0 && count_files(&t) == 0);
	tear_down(&t);
}

TEST(names_of_files_lead_nowhere_else)
{
	static const char *const names[] = {
		"", "/etc/passwd", "..", "a/../b", "a//b", "a/", ".", "a/.", "a\\\\b", "a\\u0007b"};
	struct fixture t;
	char body[100];

	set_up(&t);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", names[i]);
		CHECK(strstr(ask(&t, "s", "", "file.begin", body), "bad_input name: "));
	}
	CHECK(strstr(write_file(&t, "../../apps.db", 0, "x"), "bad_input id: "));
	CHECK(strstr(end_file(&t, "../../../../etc/passwd0000", "a", 0), "bad_input"));
	tear_down(&t);
}

TEST(files_have_a_quota_while_they_are_written_already)
{
	struct fixture t;
	char id[27], other[27];
	const char *fifty = "01234567890123456789012345678901234567890123456789";

	set_up(&t);
	begin_file(&t, "a", id);
	begin_file(&t, "b", other);
	CHECK(is(write_file(&t, id, 0, fifty), "{\"size\":50}"));
	CHECK(is(write_file(&t, other, 0, fifty), "{\"size\":50}"));
	CHECK(is(write_file(&t, other, 50, "x"),
		"quota the Space's files hold 100 bytes and this would add 1, the limit is 100"));
	CHECK(strstr(write_file(&t, id, 60, "x"), "bad_input offset: 60, but 50 bytes have come"));
	CHECK(strstr(end_file(&t, id, "a", 49), "bad_input size: 49, but 50 bytes have come"));
	for (int i = 0; i < FILES_PARTS; i++)
		(void)ask(&t, "s", "", "file.begin", "{\"name\":\"c\"}");
	CHECK(strstr(ask(&t, "s", "", "file.begin", "{\"name\":\"c\"}"), "busy 8 files are being"));
	tear_down(&t);
}

TEST(bytes_count_while_a_file_ends_and_when_its_end_is_refused)
{
	struct fixture t;
	char id[27], other[27], body[200], path[128];
	const char *sixty = "012345678901234567890123456789012345678901234567890123456789";
	uint64_t end;
	FILE *f;

	set_up(&t);
	begin_file(&t, "a", id);
	begin_file(&t, "b", other);
	CHECK(is(write_file(&t, id, 0, sixty), "{\"size\":60}"));
	CHECK(strstr(end_file(&t, id, "a", 1), "bad_input size: 1, but 60 bytes have come"));
	CHECK(strstr(end_file(&t, id, "..", 60), "bad_input name: "));
	CHECK(strstr(write_file(&t, other, 0, sixty), "quota the Space's files hold 60 bytes"));
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"name\":\"a\",\"size\":60}", id);
	end = begin(&t, "w-1", "s", "", "file.end", body);
	CHECK(strstr(write_file(&t, other, 0, sixty), "quota the Space's files hold 60 bytes"));
	CHECK(strstr(answer_of(&t, end), "\"revision\":1"));
	CHECK(strstr(write_file(&t, other, 0, sixty), "quota the Space's files hold 60 bytes"));
	/* One that an end which was cut short left behind. */
	(void)snprintf(path, sizeof(path), "%s/files/s/00000000000000000000000000", t.dir);
	f = fopen(path, "w");
	CHECK(f && fputs(sixty, f) >= 0 && fclose(f) == 0);
	CHECK(strstr(end_file(&t, "00000000000000000000000000", "c", 60), "quota the Space's"));
	CHECK(strstr(ask(&t, "s", "", "usage", "{}"), "\"files\":1,\"file_bytes\":60,"));
	tear_down(&t);
}

TEST(an_end_that_comes_again_after_a_restart_is_answered_the_same)
{
	struct fixture t;
	char id[27], body[200];

	set_up(&t);
	begin_file(&t, "a", id);
	CHECK(is(write_file(&t, id, 0, "text"), "{\"size\":4}"));
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"name\":\"a\",\"size\":4}", id);
	CHECK(strstr(answer_of(&t, begin(&t, "w-1", "s", "", "file.end", body)), "\"revision\":1"));
	(void)data_free(t.data);
	open_data(&t, 1000, 1 << 20);
	CHECK(strstr(answer_of(&t, begin(&t, "w-1", "s", "", "file.end", body)), "\"revision\":1"));
	CHECK(strstr(
		answer_of(&t, begin(&t, "w-2", "s", "", "file.end", body)), "has a name already"));
	CHECK(reads(&t, "a", "text"));
	tear_down(&t);
}

/* As whoever manages the Space. */
static const char *manage(struct fixture *t, const char *op, const char *body)
{
	char id[32];
	const struct data_call c = {.id = id,
		.space = "s",
		.user = "",
		.visitor = "",
		.owner_scope = "",
		.op = op,
		.body = body,
		.n = strlen(body)};

	(void)snprintf(id, sizeof(id), "m-%llu", (unsigned long long)++t->tickets);
	data_take(t->data, &c, t->tickets, hear, t);
	return answer_of(t, t->tickets);
}

TEST(a_snapshot_has_what_was_there_when_it_was_made_whatever_is_written_later)
{
	struct fixture t;
	const char *dump;

	set_up(&t);
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":1}");
	(void)ask(&t, "s", "", "set", "{\"key\":\"b\",\"value\":2}");
	(void)keep_file(&t, "f", "old");
	CHECK(is(manage(&t, "snapshot.make", "{}"), "{\"snapshot\":3}"));
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":10}");
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":100}");
	(void)ask(&t, "s", "", "delete", "{\"key\":\"b\"}");
	(void)ask(&t, "s", "", "set", "{\"key\":\"c\",\"value\":3}");
	(void)keep_file(&t, "f", "new");
	(void)keep_file(&t, "g", "later");
	dump = manage(&t, "dump", "{\"snapshot\":3}");
	CHECK(is(dump, "{\"items\":[{\"key\":\"a\",\"revision\":1,\"bytes\":2,\"value\":1},"
		       "{\"key\":\"b\",\"revision\":2,\"bytes\":2,\"value\":2}],\"more\":false}"));
	CHECK(strstr(manage(&t, "dump", "{}"), "\"value\":100},{\"key\":\"c\""));
	CHECK(strstr(manage(&t, "file.list", "{\"snapshot\":3}"),
		"[{\"name\":\"f\",\"size\":3,\"revision\":3,"));
	dump = ask(
		&t, "s", "", "file.read", "{\"name\":\"f\",\"offset\":0,\"n\":9,\"revision\":3}");
	CHECK(is(dump + strlen(dump) + 1, "old"));
	CHECK(reads(&t, "f", "new") && count_files(&t) == 3);
	CHECK(strstr(manage(&t, "snapshot.list", "{}"), "[{\"snapshot\":3,\"made\":"));
	CHECK(is(manage(&t, "snapshot.remove", "{\"snapshot\":3}"), "{\"removed\":true}"));
	CHECK(is(manage(&t, "snapshot.remove", "{\"snapshot\":3}"), "{\"removed\":false}"));
	CHECK(is(ask(&t, "s", "", "file.read",
			 "{\"name\":\"f\",\"offset\":0,\"n\":9,\"revision\":3}"),
		"{\"changed\":true}"));
	CHECK(strstr(ask(&t, "s", "", "snapshot.make", "{}"), "no operation"));
	tear_down(&t);
}

TEST(two_snapshots_share_what_did_not_change_between_them)
{
	struct fixture t;

	set_up(&t);
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":1}");
	(void)manage(&t, "snapshot.make", "{}"); /* 1 */
	(void)ask(&t, "s", "", "set", "{\"key\":\"b\",\"value\":1}");
	(void)manage(&t, "snapshot.make", "{}"); /* 2 */
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":2}");
	(void)ask(&t, "s", "", "delete", "{\"key\":\"a\"}");
	CHECK(strstr(manage(&t, "dump", "{\"snapshot\":1}"),
		"[{\"key\":\"a\",\"revision\":1,\"bytes\":2,\"value\":1}]"));
	(void)manage(&t, "snapshot.remove", "{\"snapshot\":1}");
	CHECK(strstr(manage(&t, "dump", "{\"snapshot\":2}"), "\"value\":1},{\"key\":\"b\""));
	for (int i = 0; i < DATA_SNAPSHOTS; i++) {
		(void)ask(&t, "s", "", "set", "{\"key\":\"c\",\"value\":1}");
		(void)manage(&t, "snapshot.make", "{}");
	}
	CHECK(is(manage(&t, "snapshot.make", "{}"),
		"quota the Space has 4 snapshots, the limit is 4; remove one"));
	tear_down(&t);
}

static void id_of_only_file(struct fixture *t, char ret_id[27])
{
	char dir[96];
	struct dirent *entry;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%s/files/s", t->dir);
	d = opendir(dir);
	CHECK(d);
	while ((entry = readdir(d)))
		if (strlen(entry->d_name) == 26)
			(void)snprintf(ret_id, 27, "%.26s", entry->d_name);
	(void)closedir(d);
}

TEST(a_file_that_is_being_removed_gets_no_other_name)
{
	uint64_t removal, end;
	struct fixture t;
	char id[27], body[200];

	set_up(&t);
	(void)keep_file(&t, "a", "text");
	id_of_only_file(&t, id);
	(void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"name\":\"b\",\"size\":4}", id);
	removal = begin(&t, "w-1", "s", "", "file.remove", "{\"name\":\"a\"}");
	end = begin(&t, "w-2", "s", "", "file.end", body);
	CHECK(strstr(answer_of(&t, end), "begin again"));
	CHECK(is(answer_of(&t, removal), "{\"removed\":true}"));
	CHECK(is(ask(&t, "s", "", "file.stat", "{\"name\":\"b\"}"), "{}") && count_files(&t) == 0);
	tear_down(&t);
}

TEST(what_cannot_be_read_takes_no_write_of_others_along)
{
	uint64_t write, read;
	struct fixture t;
	char id[27], path[128];

	set_up(&t);
	(void)keep_file(&t, "a", "text");
	id_of_only_file(&t, id);
	(void)snprintf(path, sizeof(path), "%s/files/s/%s", t.dir, id);
	CHECK(unlink(path) == 0);
	write = begin(&t, "w-1", "s2", "", "set", "{\"key\":\"k\",\"value\":1}");
	read = begin(&t, "w-2", "s", "", "file.read", "{\"name\":\"a\",\"offset\":0,\"n\":4}");
	CHECK(is(answer_of(&t, write), "{\"revision\":1}"));
	CHECK(strstr(answer_of(&t, read), "unavailable "));
	CHECK(is(ask(&t, "s2", "", "get", "{\"key\":\"k\"}"), "{\"revision\":1,\"value\":1}"));
	tear_down(&t);
}

static void leave_behind(struct fixture *t, const char *space, int n)
{
	const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/files/%s", t->dir, space);
	CHECK(fs_mkdirs(path, 0700, NULL) == 0);
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/files/%s/%026d%s", t->dir, space, i,
			i % 2 ? ".part" : "");
		f = fopen(path, "w");
		CHECK(f && fclose(f) == 0 && utimensat(AT_FDCWD, path, long_ago, 0) == 0);
	}
}

TEST(what_was_left_behind_is_swept_in_all_spaces_a_few_at_a_time)
{
	struct fixture t;
	char path[128];

	set_up(&t);
	(void)keep_file(&t, "kept", "text");
	(void)data_free(t.data);
	leave_behind(&t, "s", 150);
	leave_behind(&t, "s/parts", 2);
	leave_behind(&t, "s2", 1);
	open_data(&t, 1000, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/files/s2/%026d", t.dir, 0);
	CHECK(loop_dispatch(t.loop, 1000) == 0 && count_files(&t) + !access(path, F_OK) > 80);
	for (int i = 0; i < 100 && (count_files(&t) > 1 || access(path, F_OK) == 0); i++)
		CHECK(loop_dispatch(t.loop, 1000) == 0);
	CHECK(count_files(&t) == 1 && access(path, F_OK) < 0);
	CHECK(reads(&t, "kept", "text"));
	tear_down(&t);
}

static bool is_s2(const char *space, void *data)
{
	(void)data;
	return !strcmp(space, "s2");
}

TEST(spaces_that_nobody_knows_any_more_are_swept)
{
	struct fixture t;

	set_up(&t);
	(void)ask(&t, "s", "", "set", "{\"key\":\"a\",\"value\":1}");
	(void)ask(&t, "s2", "", "set", "{\"key\":\"a\",\"value\":1}");
	data_sweep(t.data, is_s2, NULL);
	CHECK(is(ask(&t, "s", "", "get", "{\"key\":\"a\"}"), "{}"));
	CHECK(strstr(ask(&t, "s2", "", "get", "{\"key\":\"a\"}"), "\"value\":1"));
	tear_down(&t);
}

/* Writes "n" = 1, 2, 3 … and says each through the pipe once it was answered, until it is killed.
 */
static void write_until_killed(struct fixture *t, int out)
{
	char body[64];

	(void)data_free(t->data);
	t->data = NULL;
	open_data(t, 1000, 1 << 20);
	for (int64_t n = 1;; n++) {
		(void)snprintf(body, sizeof(body), "{\"key\":\"n\",\"value\":%lld}", (long long)n);
		if (!strstr(ask(t, "s", "", "set", body), "revision") ||
			write(out, &n, sizeof(n)) != sizeof(n))
			_exit(1);
		forget_heard(t);
	}
}

TEST(what_was_answered_is_there_after_kill_9)
{
	struct fixture t;

	set_up(&t);
	(void)data_free(t.data);
	t.data = NULL;
	(void)offload_free(t.offload);
	t.offload = NULL;
	for (int round = 0; round < 12; round++) {
		int64_t last = 0, n = 0;
		int ends[2], status;
		const char *found;
		pid_t child;

		CHECK(pipe(ends) == 0);
		child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			struct fixture own = {0};

			memcpy(own.dir, t.dir, sizeof(own.dir));
			CHECK(loop_new(&own.loop) == 0 && offload_new(own.loop, &own.offload) == 0);
			write_until_killed(&own, ends[1]);
		}
		close(ends[1]);
		while (n < 3 + round * 5 && read(ends[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
		CHECK(WIFSIGNALED(status));
		while (read(ends[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		close(ends[0]);
		CHECK(offload_new(t.loop, &t.offload) == 0);
		open_data(&t, 1000, 1 << 20);
		found = strstr(ask(&t, "s", "", "get", "{\"key\":\"n\"}"), "\"value\":");
		CHECK(found && strtoll(found + 8, NULL, 10) >= last);
		(void)data_free(t.data);
		t.data = NULL;
		t.offload = offload_free(t.offload);
		forget_heard(&t);
	}
	tear_down(&t);
}

TEST_MAIN()
