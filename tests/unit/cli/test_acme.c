#include "cli/tls/acme.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/tls/order.h"
#include "tests/support/test.h"

static struct acme one, two;

TEST(a_host_is_a_whole_name_in_lower_case_and_stands_once)
{
	static const char *const wrong[] = {
		"", "*.example.org", "192.0.2.1", "a..b", ".a", "a.", "a/b", "a b", "ex\"ample"};
	char long_one[300];
	struct err e = {0};

	one = (struct acme){0};
	CHECK(acme_add(&one, "Demo.Example.ORG", true, &e) == 0);
	CHECK(acme_add(&one, "demo.example.org", false, &e) == 0);
	CHECK(one.n == 1);
	CHECK(!strcmp(one.hosts[0].name, "demo.example.org"));
	CHECK(!one.hosts[0].custom); /* the operator's word counts */
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(acme_add(&one, wrong[i], false, &e) == -EINVAL);
	memset(long_one, 'a', sizeof(long_one));
	long_one[254] = '\0';
	CHECK(acme_add(&one, long_one, false, &e) == -EINVAL);
}

static void fill(struct acme *a, size_t to, bool custom)
{
	struct err e = {0};
	char host[32];

	while (a->n < to) {
		(void)snprintf(host, sizeof(host), "h%zu.example", a->n);
		CHECK(acme_add(a, host, custom, &e) == 0);
	}
}

TEST(custom_hosts_leave_places_free_and_give_way_to_an_operator_s)
{
	struct err e = {0};

	one = (struct acme){0};
	fill(&one, ACME_CUSTOM_MAX, true);
	CHECK(acme_add(&one, "more.example", true, &e) == -E2BIG);
	fill(&one, ACME_HOSTS_MAX, false);
	CHECK(acme_add(&one, "more.example", false, &e) == 0);
	CHECK(acme_find(&one, "more.example") && one.n == ACME_HOSTS_MAX);
	CHECK(!acme_find(&one, "h223.example") && acme_find(&one, "h222.example"));
	one = (struct acme){0};
	fill(&one, ACME_HOSTS_MAX, false);
	CHECK(acme_add(&one, "more.example", false, &e) == -E2BIG);
}

static void list_domain(json_t *list, const char *owner, int i)
{
	char host[32], space[32];

	(void)snprintf(host, sizeof(host), "%s%d.example", owner, i);
	(void)snprintf(space, sizeof(space), "%s/demo", owner);
	CHECK(json_array_append_new(
		      list, json_pack("{s:s, s:s}", "domain", host, "space", space)) == 0);
}

TEST(no_owner_s_domains_take_the_places_of_another_s)
{
	CLEANUP(json_unrefp) json_t *list = json_array();
	CLEANUP(json_unrefp) json_t *none = json_array();
	struct err e = {0};

	one = (struct acme){0};
	CHECK(acme_add(&one, "own.example", false, &e) == 0);
	CHECK(acme_add(&one, "gone.example", true, &e) == 0);
	for (int i = 0; i < 300; i++)
		list_domain(list, "many", i);
	list_domain(list, "few", 0);
	CHECK(acme_set_custom(&one, list) == 300 - ACME_OWNER_MAX);
	CHECK(one.n == 1 + ACME_OWNER_MAX + 1);
	CHECK(acme_find(&one, "many31.example") && !acme_find(&one, "many32.example"));
	CHECK(acme_find(&one, "few0.example") && !acme_find(&one, "gone.example"));
	CHECK(acme_set_custom(&one, none) == 0);
	CHECK(one.n == 1 && acme_find(&one, "own.example"));
}

TEST(its_certificate_has_a_name_of_its_own_however_long_the_host_s)
{
	char a[64], b[64], host[254];

	acme_cert_name("demo.example.org", a);
	CHECK(!strcmp(a, "acme-demo.example.org"));
	memset(host, 'a', sizeof(host) - 1);
	host[253] = '\0';
	acme_cert_name(host, a);
	host[252] = 'b';
	acme_cert_name(host, b);
	CHECK(strlen(a) < 64 && strcmp(a, b) != 0);
}

TEST(the_wait_doubles_from_a_quarter_of_an_hour_to_a_day)
{
	CHECK(acme_wait_sec(0) == 15 * 60);
	CHECK(acme_wait_sec(1) == 15 * 60);
	CHECK(acme_wait_sec(2) == 30 * 60);
	CHECK(acme_wait_sec(7) == 16 * 3600);
	CHECK(acme_wait_sec(8) == 24 * 3600);
	CHECK(acme_wait_sec(1000000) == 24 * 3600);
	CHECK(acme_renew_at_sec(1000, 1000 + 90 * 86400) == 1000 + 60 * 86400);
}

TEST(what_is_kept_is_read_again_and_other_wishes_keep_what_still_holds)
{
	struct layout l = {0};
	char path[600];
	struct err e = {0};

	memcpy(l.data, "/tmp/vitrine-acme-XXXXXX", 25);
	CHECK(mkdtemp(l.data));
	CHECK(acme_load(&l, &one, &e) == -ENOENT);
	one = (struct acme){0};
	CHECK(acme_add(&one, "a.example", false, &e) == 0);
	CHECK(acme_add(&one, "b.example", false, &e) == 0);
	CHECK(acme_set_contact(&one, "ops@example.org", &e) == 0);
	CHECK(acme_want(&l, &one, &e) == 0);
	CHECK(acme_load(&l, &one, &e) == 0);
	CHECK(!strcmp(one.directory, ACME_DIRECTORY));
	one.hosts[1].failures = 3;
	one.hosts[1].next_sec = 1234567;
	(void)snprintf(one.hosts[1].words, ACME_WORDS_MAX, "no such name");
	CHECK(acme_add(&one, "c.example", true, &e) == 0);
	CHECK(acme_save(&l, &one, &e) == 0);
	two = (struct acme){0};
	CHECK(acme_add(&two, "b.example", false, &e) == 0);
	CHECK(acme_want(&l, &two, &e) == 0);
	CHECK(acme_load(&l, &one, &e) == 0);
	CHECK(one.n == 2);
	CHECK(one.hosts[0].failures == 3);
	CHECK(one.hosts[0].next_sec == 1234567);
	CHECK(!strcmp(one.hosts[0].words, "no such name"));
	CHECK(one.hosts[1].custom);
	(void)snprintf(path, sizeof(path), "%s/acme/state.json", l.data);
	CHECK(fs_write_durable(AT_FDCWD, path, "{\"hosts\":[{}]}", 14, 0600, &e) == 0);
	CHECK(acme_load(&l, &one, &e) == -EBADMSG);
	(void)fs_remove_tree(l.data);
}

static void make_data(struct layout *l)
{
	*l = (struct layout){0};
	memcpy(l->data, "/tmp/vitrine-acme-XXXXXX", 25);
	CHECK(mkdtemp(l->data));
}

static void want(const struct layout *l, const char *host)
{
	struct err e = {0};

	two = (struct acme){0};
	CHECK(!host || acme_add(&two, host, false, &e) == 0);
	CHECK(acme_want(l, &two, &e) == 0);
}

TEST(a_run_that_is_under_way_takes_back_nothing_that_was_said_meanwhile)
{
	CLEANUP(json_unrefp) json_t *list = json_array();
	struct layout l;
	struct err e = {0};

	make_data(&l);
	want(&l, "a.example");
	list_domain(list, "few", 0);
	CHECK(acme_want_custom(&l, list, &one, &e) == 0);
	/* one is as the run has loaded it. */
	one.hosts[0].until_sec = 1;
	one.hosts[1].failures = 2;
	(void)snprintf(one.account, sizeof(one.account), ACME_DIRECTORY);
	want(&l, "b.example");
	CHECK(acme_note(&l, &one, &two, &e) == 0);
	CHECK(acme_load(&l, &two, &e) == 0);
	CHECK(two.n == 2 && acme_find(&two, "b.example") && !acme_find(&two, "a.example"));
	CHECK(acme_find(&two, "few0.example")->failures == 2);
	CHECK(!strcmp(two.account, ACME_DIRECTORY));
	(void)fs_remove_tree(l.data);
}

TEST(whoever_changes_it_waits_for_the_other_one_but_not_for_ever)
{
	CLEANUP(closep) int lock = -1;
	struct layout l;
	struct err e = {0};
	int ends[2];
	char byte;
	pid_t pid;

	make_data(&l);
	want(&l, "a.example");
	CHECK(pipe(ends) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		if (acme_lock(&l, &lock, &e) < 0 || write(ends[1], "x", 1) != 1)
			_exit(1);
		(void)pause();
	}
	CHECK(read(ends[0], &byte, 1) == 1);
	two = (struct acme){0};
	CHECK(acme_want(&l, &two, &e) == -ETIMEDOUT);
	CHECK(strstr(e.text, "state.lock is locked by another vitrine"));
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	CHECK(acme_want(&l, &two, &e) == 0);
	CHECK(acme_load(&l, &one, &e) == 0 && one.n == 0);
	close(ends[0]);
	close(ends[1]);
	(void)fs_remove_tree(l.data);
}

static bool is_there(const struct layout *l, const char *file)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/%s", l->data, file);
	return access(path, F_OK) == 0;
}

TEST(who_asks_an_authority_for_nothing_any_more_keeps_custom_ones_and_no_certificate_of_it)
{
	static const char *const files[] = {"tls/certs/acme-a.example.pem",
		"tls/certs/acme-few0.example.pem", "tls/certs/host.pem"};
	CLEANUP(json_unrefp) json_t *list = json_array();
	struct layout l;
	struct err e = {0};
	char path[600];

	make_data(&l);
	want(&l, NULL);
	CHECK(!is_there(&l, "acme/state.json"));
	want(&l, "a.example");
	list_domain(list, "few", 0);
	CHECK(acme_want_custom(&l, list, &one, &e) == 0);
	(void)snprintf(path, sizeof(path), "%s/tls/certs", l.data);
	CHECK(fs_mkdirs(path, 0700, &e) == 0);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", l.data, files[i]);
		CHECK(fs_write_durable(AT_FDCWD, path, "x", 1, 0600, &e) == 0);
	}
	want(&l, NULL);
	CHECK(acme_load(&l, &one, &e) == 0);
	CHECK(one.n == 1 && !strcmp(one.hosts[0].name, "few0.example"));
	CHECK(!is_there(&l, files[0]) && is_there(&l, files[1]) && is_there(&l, files[2]));
	(void)fs_remove_tree(l.data);
}

TEST(the_orchestrator_reads_how_it_stands_whatever_the_mask)
{
	mode_t before = umask(077);
	struct layout l;
	struct err e = {0};
	struct stat st;
	char path[600];

	make_data(&l);
	(void)snprintf(path, sizeof(path), "%s/run/tls", l.data);
	CHECK(fs_mkdirs(path, 0755, &e) == 0);
	want(&l, "a.example");
	(void)snprintf(path, sizeof(path), "%s/run/tls/status.json", l.data);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0644);
	CHECK(umask(before) == 077);
	(void)fs_remove_tree(l.data);
}

static void write_program(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, 0755) == 0);
}

TEST(a_client_that_says_no_more_and_does_not_end_is_ended_with_what_it_has_started)
{
	struct order_place place = {.limit_sec = 1};
	struct pollfd p = {.events = POLLIN};
	struct layout l;
	struct err e = {0};
	int ends[2];

	make_data(&l);
	CHECK(chmod(l.data, 0755) == 0);
	(void)snprintf(place.client, sizeof(place.client), "%s/uacme", l.data);
	write_program(place.client, "#!/bin/sh\nsleep 100 2>&- &\nexec sleep 100 2>&-\n");
	place.account = open(l.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place.hook = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(place.account >= 0 && place.hook >= 0 && pipe2(ends, O_CLOEXEC) == 0);
	place.challenges = ends[1];
	one = (struct acme){0};
	(void)snprintf(one.directory, sizeof(one.directory), ACME_DIRECTORY);
	CHECK(order_account(&place, &one, &e) == -EACCES);
	CHECK(!strcmp(e.text, "no answer in time"));
	/* Nobody holds the other end any more. */
	order_done(&place);
	p.fd = ends[0];
	CHECK(poll(&p, 1, 20000) == 1 && p.revents == POLLHUP);
	close(ends[0]);
	(void)fs_remove_tree(l.data);
}

TEST(the_authority_s_own_words_are_quoted_or_the_last_line_of_uacme)
{
	char words[64];

	order_words("uacme: failed to create new order at https://x/\n"
		    "uacme: the server reported the following error:\n{\n"
		    "    \"detail\": \"No \\\"b\\\" here\",\n    \"status\": 400\n}\n",
		words, sizeof(words));
	CHECK(!strcmp(words, "No \"b\" here"));
	order_words("uacme: curl_get: GET https://x/ failed: Couldn't connect\n"
		    "uacme: curl_get: waiting 5 seconds before retrying\n",
		words, sizeof(words));
	CHECK(!strcmp(words, "curl_get: GET https://x/ failed: Couldn't connect"));
	order_words("", words, sizeof(words));
	CHECK(!strcmp(words, "uacme said nothing"));
	order_words("\"detail\": \"unended\\", words, sizeof(words));
	CHECK(!strcmp(words, "unended\\"));
	order_words("\"detail\": \"\x1b[31mred and very, very, very, very, very, very, very, very, "
		    "very long\"",
		words, sizeof(words));
	CHECK(strlen(words) == 63);
	CHECK(!strchr(words, '\x1b'));
}

TEST_MAIN()
