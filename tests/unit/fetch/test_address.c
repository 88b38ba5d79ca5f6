#include "fetch/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "tests/support/test.h"

static const struct address_exceptions none;

static const char *rule_of(const char *text, const struct address_exceptions *except)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_rule((struct sockaddr *)&v4, except);
	CHECK(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
	return address_rule((struct sockaddr *)&v6, except);
}

/* The first and the last of each block, and the neighbours outside of it ("": none is public). */
static const struct {
	const char *first, *last, *before, *after, *word;
} blocks[] = {
	{"0.0.0.0", "0.255.255.255", "", "1.0.0.0", "this network"},
	{"10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0", "private"},
	{"100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0", "carriers"},
	{"127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0", "loopback"},
	{"169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0", "link-local"},
	{"172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0", "private"},
	{"192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0", "protocols"},
	{"192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0", "documentation"},
	{"192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0", "6to4"},
	{"192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0", "private"},
	{"198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0", "benchmarks"},
	{"198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0", "documentation"},
	{"203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0", "documentation"},
	{"224.0.0.0", "239.255.255.255", "223.255.255.255", "", "multicast"},
	{"240.0.0.0", "255.255.255.255", "", "", "reserved"},
	{"::", "::", "", "", "unspecified"},
	{"::1", "::1", "", "", "loopback"},
	{"::2", "::ffff:ffff", "", "", "IPv4"},
	{"::ffff:0:0", "::ffff:255.255.255.255", "", "", "IPv4"},
	{"64:ff9b::", "64:ff9b::ffff:ffff", "", "", "NAT64"},
	{"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "", "", "NAT64"},
	{"100::", "100::ffff:ffff:ffff:ffff", "", "", "discarded"},
	{"2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "", "", "Teredo"},
	{"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "", "", "benchmarks"},
	{"2001:10::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "", "2001:200::", "protocols"},
	{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "documentation"},
	{"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::", "6to4"},
	{"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
		"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", "documentation"},
	{"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "", "segment"},
	{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "", "unique local"},
	{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "", "link-local"},
	{"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "", "site-local"},
	{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "", "multicast"},
	{"4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "", "not given out"},
};

TEST(each_block_of_special_addresses_is_refused_by_its_name_and_its_neighbours_are_not)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		const char *first = rule_of(blocks[i].first, &none);
		const char *last = rule_of(blocks[i].last, &none);

		if (!first || !last || !strstr(first, blocks[i].word))
			printf("  %s: %s, %s\n", blocks[i].first, first, last);
		CHECK(first && strstr(first, blocks[i].word));
		CHECK(last && strstr(last, blocks[i].word));
		CHECK(!*blocks[i].before || !rule_of(blocks[i].before, &none));
		CHECK(!*blocks[i].after || !rule_of(blocks[i].after, &none));
	}
	CHECK(!rule_of("8.8.8.8", &none));
	CHECK(!rule_of("2a00:1450:4001::1", &none));
}

TEST(an_exception_of_the_operators_lets_through_just_its_block)
{
	struct address_exceptions except = {0};

	CHECK(address_except(&except, "10.1.0.0/16", NULL) == 0);
	CHECK(address_except(&except, "127.0.0.1", NULL) == 0);
	CHECK(address_except(&except, "fd00:1::/33", NULL) == 0);
	CHECK(!rule_of("10.1.2.3", &except));
	CHECK(!rule_of("127.0.0.1", &except));
	CHECK(!rule_of("fd00:1:7fff::1", &except));
	CHECK(rule_of("10.2.0.0", &except));
	CHECK(rule_of("127.0.0.2", &except));
	CHECK(rule_of("fd00:1:8000::1", &except));
	CHECK(rule_of("::ffff:10.1.2.3", &except));
}

TEST(an_exception_that_is_no_block_is_refused)
{
	static const char *const bad[] = {"", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "fd00::/129",
		"x", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1", "/8", "fd00::1/8", "10.0.0.0/ 8"};
	struct address_exceptions except = {0};
	struct err e = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(address_except(&except, bad[i], &e) == -EINVAL && *e.text);
	CHECK(except.n == 0);
	for (int i = 0; i < ADDRESS_EXCEPTIONS_MAX; i++)
		CHECK(address_except(&except, "10.0.0.0/8", &e) == 0);
	CHECK(address_except(&except, "10.0.0.0/8", &e) == -E2BIG);
}

TEST(addresses_of_this_machine_are_known)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(address_is_own((struct sockaddr *)&a));
	a.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
	CHECK(!address_is_own((struct sockaddr *)&a));
}

TEST(every_machine_has_its_loopback)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct sockaddr_in6 b = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	a.sin_addr.s_addr = htonl(0x7f090909);
	CHECK(address_is_loopback((struct sockaddr *)&a));
	a.sin_addr.s_addr = htonl(0x80000001);
	CHECK(!address_is_loopback((struct sockaddr *)&a));
	CHECK(address_is_loopback((struct sockaddr *)&b));
	b.sin6_addr.s6_addr[0] = 0x20;
	CHECK(!address_is_loopback((struct sockaddr *)&b));
}

TEST_MAIN()
