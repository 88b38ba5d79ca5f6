#include "cli/tls/acme.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
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
	for (size_t i = one.n; i < ACME_HOSTS_MAX; i++) {
		(void)snprintf(long_one, sizeof(long_one), "h%zu.example", i);
		CHECK(acme_add(&one, long_one, true, &e) == 0);
	}
	CHECK(acme_add(&one, "more.example", true, &e) == -E2BIG);
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
