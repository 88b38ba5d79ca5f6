#include "proto/space_host.h"

#include <errno.h>
#include <string.h>

#include "tests/support/test.h"

static const char *label(const char *owner, const char *name)
{
	static char texts[4][HOST_LABEL_MAX + 1];
	static int at;

	at = (at + 1) % 4;
	space_host_label(owner, name, texts[at]);
	return texts[at];
}

TEST(a_label_is_readable_where_it_can_be)
{
	CHECK(!strcmp(label("ada", "mood"), "ada-mood"));
	CHECK(!strcmp(label("ada", "mood-2"), "ada-mood-2"));
	CHECK(!strncmp(label("my-team", "mood"), "space--", 7));
	CHECK(!strcmp(label("our-team", "mood"), "our--team-mood"));
	CHECK(!strcmp(label("ada", "mood--fix-1"), "ada-mood--fix-1"));
}

TEST(a_short_owners_label_does_not_depend_on_who_was_asked_for_before)
{
	CHECK(!strncmp(label("ab-c", "y"), "space--", 7));
	CHECK(!strcmp(label("a", "mood"), "a-mood"));
	CHECK(!strncmp(label("ab-c", "y"), "space--", 7));
	CHECK(!strcmp(label("ab", "mood"), "ab-mood"));
}

TEST(two_spaces_never_share_a_label)
{
	static const char *const owners[] = {
		"a", "b", "a-b", "ab", "ab-c", "a-b-c", "x", "xn", "space", "abc-d", "abc"};
	static const char *const names[] = {
		"b", "c", "b-c", "c-d", "d", "b--c", "a", "xn--b", "d--e", "mood", "hash"};
	char all[121][HOST_LABEL_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < 11; i++)
		for (size_t j = 0; j < 11; j++)
			space_host_label(owners[i], names[j], all[n++]);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(all[i], all[j]) != 0);
}

TEST(a_label_is_always_one_of_dns)
{
	static const char *const owners[] = {
		"a", "ab-c", "xn", "Ada", "a-very-long-owner-of-thirty-nine-letters"};
	static const char *const names[] = {"b", "Mood", "a.b", "a_b",
		"a-name-of-the-most-letters-that-there-may-be-which-is-ninety-five-and-that-is-a-"
		"lot"};

	for (size_t i = 0; i < 5; i++) {
		for (size_t j = 0; j < 5; j++) {
			const char *l = label(owners[i], names[j]);
			size_t n = strlen(l);

			CHECK(n > 0 && n <= HOST_LABEL_MAX && l[0] != '-' && l[n - 1] != '-');
			CHECK(strspn(l, "abcdefghijklmnopqrstuvwxyz0123456789-") == n);
			CHECK(n < 4 || l[2] != '-' || l[3] != '-');
		}
	}
	/* What no owner can choose: a name that reads like another one's hash. */
	CHECK(!strncmp(label("ab-c", "mood"), "space--", 7));
	CHECK(strncmp(label("space", label("ab-c", "mood") + 7), "space--", 7) != 0);
}

static bool reads_as(const char *host, const char *want)
{
	char name[DOMAIN_NAME_MAX + 1];

	return host_name_read(host, strlen(host), name) && !strcmp(name, want);
}

TEST(a_host_header_is_read_whatever_its_case_port_and_dot)
{
	char name[DOMAIN_NAME_MAX + 1], deep[300];

	CHECK(reads_as("Ada-Mood.Spaces.Example.ORG:8080", "ada-mood.spaces.example.org"));
	CHECK(reads_as("a.b.", "a.b") && reads_as("a.b.:1", "a.b") && reads_as("x", "x"));
	CHECK(!reads_as("", "") && !reads_as(":80", "") && !reads_as(".", "") &&
		!reads_as("a..b", ""));
	CHECK(!reads_as("[::1]:80", "") && !reads_as("a b", "") && !reads_as(".a", ""));
	CHECK(!reads_as("a/../b", "") && !reads_as("a%2eb", "") && !reads_as("a@b", ""));
	CHECK(!host_name_read("a\0.b", 4, name));
	memset(deep, 'a', sizeof(deep));
	CHECK(!host_name_read(deep, 64, name) && host_name_read(deep, 63, name));
	for (size_t i = 1; i < sizeof(deep); i += 2)
		deep[i] = '.';
	CHECK(host_name_read(deep, 253, name) && strlen(name) == 253);
	CHECK(!host_name_read(deep, 255, name));
}

TEST(only_what_stands_directly_below_a_domain_has_a_label)
{
	size_t n = 0;

	CHECK(host_name_label("ada-mood.s.org", "s.org", &n) && n == 8);
	CHECK(!host_name_label("s.org", "s.org", &n) && !host_name_label("xs.org", "s.org", &n));
	CHECK(!host_name_label("a.b.s.org", "s.org", &n) && !host_name_label("a.s.org", "", &n));
	CHECK(host_name_below("s.org", "s.org") && host_name_below("a.b.s.org", "s.org"));
	CHECK(!host_name_below("as.org", "s.org") && !host_name_below("org", "s.org"));
}

static int may(const char *host)
{
	struct err e = {0};
	int r = custom_host_check(host, "demos.example.org", "spaces.example.net", &e);

	CHECK(r == 0 || e.text[0]);
	return r;
}

TEST(nobody_brings_a_host_of_the_platforms)
{
	CHECK(may("demo.company.com") == 0 && may("company.com") == 0);
	CHECK(may("xn--bcher-kva.example") == 0 && may("other.example.org") == 0);
	CHECK(may("demos.example.org") == -EINVAL && may("a.demos.example.org") == -EINVAL);
	CHECK(may("example.org") == -EINVAL && may("org") == -EINVAL);
	CHECK(may("spaces.example.net") == -EINVAL && may("a-b.spaces.example.net") == -EINVAL);
	CHECK(may("example.net") == -EINVAL && may("localhost") == -EINVAL);
	CHECK(may("a.localhost") == -EINVAL && may("printer.local") == -EINVAL);
	CHECK(may("127.0.0.1") == -EINVAL && may("1.2.3") == -EINVAL && may("[::1]") == -EINVAL);
	CHECK(may("Demo.Company.com") == -EINVAL && may("a.b:80") == -EINVAL &&
		may("a.b.") == -EINVAL);
	CHECK(may("https://a.b") == -EINVAL && may("a_b.c") == -EINVAL && may("") == -EINVAL);
}

TEST_MAIN()
