#include "proto/http_hosts.h"

#include "tests/support/test.h"

static bool is(const char *pattern)
{
	struct err e = {0};
	int r = http_host_check(pattern, &e);

	CHECK((r < 0) == (e.text[0] != '\0'));
	return r == 0;
}

TEST(names_addresses_and_everything_below_a_name_are_patterns)
{
	static const char *const good[] = {"api.example.org", "*.example.net:8443", "localhost",
		"192.0.2.7", "192.0.2.7:8080", "[2001:db8::1]", "[::1]:8080", "*", "*:443", "*:*",
		"a_b.example:1", "127.0.0.1:*", "xn--bcher-kva.example", "0.example"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(is(good[i]));
}

TEST(anything_else_is_refused_in_words)
{
	static const char *const bad[] = {"", ":80", "http://example.org", "example.org/path",
		"example.org:", "example.org:0", "example.org:65536", "example.org:80x",
		"*example.org", "a.*.org", "*.", "**", "*.192.0.2.7", ".example.org",
		"example..org", "example.org.",
		"b\xc3\xbc"
		"cher.example",
		"a b", "::1", "[::1", "[192.0.2.7]", "[*]", "300.0.2.7", "1.2.3",
		"user@example.org", "[::1]8080", "example.org:80:90"};
	char label[80], name[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (is(bad[i]))
			printf("  taken: %s\n", bad[i]);
		CHECK(!is(bad[i]));
	}
	memset(label, 'a', 64);
	label[64] = '\0';
	CHECK(!is(label));
	label[63] = '\0';
	CHECK(is(label));
	name[0] = '\0';
	for (int i = 0; i < 130; i++)
		memcpy(name + 2 * i, "a.", 3);
	CHECK(!is(name));
}

TEST(a_name_covers_itself_at_the_usual_ports)
{
	CHECK(http_host_covers("api.example.org", "api.example.org", 443, true));
	CHECK(http_host_covers("api.example.org", "API.Example.ORG", 80, false));
	CHECK(http_host_covers("api.example.org", "api.example.org.", 443, true));
	CHECK(!http_host_covers("api.example.org", "api.example.org", 80, true));
	CHECK(!http_host_covers("api.example.org", "api.example.org", 8443, true));
	CHECK(!http_host_covers("api.example.org", "example.org", 443, true));
	CHECK(!http_host_covers("api.example.org", "x.api.example.org", 443, true));
	CHECK(!http_host_covers("api.example.org", "api.example.org.evil.test", 443, true));
	CHECK(!http_host_covers("api.example.org", "", 443, true));
}

TEST(a_star_covers_what_is_below_and_not_the_name_itself)
{
	CHECK(http_host_covers("*.example.net:8443", "a.example.net", 8443, true));
	CHECK(http_host_covers("*.example.net:8443", "a.b.example.net", 8443, false));
	CHECK(!http_host_covers("*.example.net:8443", "example.net", 8443, true));
	CHECK(!http_host_covers("*.example.net:8443", "badexample.net", 8443, true));
	CHECK(!http_host_covers("*.example.net:8443", ".example.net", 8443, true));
	CHECK(!http_host_covers("*.example.net:8443", "a.example.net", 443, true));
	CHECK(http_host_covers("*", "any.test", 443, true));
	CHECK(http_host_covers("*", "any.test", 80, true));
	CHECK(http_host_covers("*", "192.0.2.1", 1024, false));
	CHECK(!http_host_covers("*", "any.test", 25, false));
	CHECK(http_host_covers("*:*", "any.test", 25, false));
	CHECK(!http_host_covers("*:443", "any.test", 80, false));
}

TEST(an_address_covers_itself_in_any_notation)
{
	CHECK(http_host_covers("192.0.2.7", "192.0.2.7", 80, false));
	CHECK(!http_host_covers("192.0.2.7", "192.0.2.8", 80, false));
	CHECK(http_host_covers("[2001:db8::1]:*", "2001:db8:0:0::1", 9, false));
	CHECK(!http_host_covers("*.0.2.7", "192.0.2.7", 80, false));
	CHECK(!http_host_covers("*.example.org", "192.0.2.7", 80, false));
}

TEST_MAIN()
