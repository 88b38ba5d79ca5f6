#include "proto/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "tests/support/test.h"

static struct sockaddr_in ipv4(const char *text, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	CHECK(inet_pton(AF_INET, text, &a.sin_addr) == 1);
	return a;
}

static struct sockaddr_in6 ipv6(const char *text, uint16_t port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	CHECK(inet_pton(AF_INET6, text, &a.sin6_addr) == 1);
	return a;
}

static const uint8_t example[] =
	"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb";

TEST(what_is_written_are_the_bytes_of_the_specification)
{
	struct sockaddr_in from = ipv4("192.0.2.1", 56324), to = ipv4("198.51.100.2", 443);
	uint8_t bytes[PROXY_HEADER_MAX];

	CHECK(proxy_header_write((struct sockaddr *)&from, (struct sockaddr *)&to, bytes) == 28);
	CHECK(!memcmp(bytes, example, 28));
}

TEST(an_address_of_either_family_comes_back_as_it_was)
{
	struct sockaddr_in6 from = ipv6("2001:db8::7", 4711), to = ipv6("2001:db8::1", 443);
	struct sockaddr_storage peer;
	uint8_t bytes[PROXY_HEADER_MAX];
	socklen_t length;
	struct err e = {0};

	CHECK(proxy_header_read(example, 28, &peer, &length, &e) == 28);
	CHECK(peer.ss_family == AF_INET && length == sizeof(struct sockaddr_in));
	CHECK(((struct sockaddr_in *)&peer)->sin_addr.s_addr == htonl(0xc0000201));
	CHECK(((struct sockaddr_in *)&peer)->sin_port == htons(56324));
	CHECK(proxy_header_write((struct sockaddr *)&from, (struct sockaddr *)&to, bytes) == 52);
	CHECK(proxy_header_read(bytes, 52, &peer, &length, &e) == 52);
	CHECK(length == sizeof(from) && !memcmp(&peer, &from, sizeof(from)));
}

TEST(a_header_that_is_cut_anywhere_waits_for_its_rest)
{
	struct sockaddr_storage peer;
	socklen_t length;
	struct err e = {0};

	for (size_t n = 0; n < 28; n++)
		CHECK(proxy_header_read(example, n, &peer, &length, &e) == 0);
}

TEST(anything_else_is_refused_with_words)
{
	static const struct {
		size_t at;
		uint8_t byte;
		const char *words;
	} wrong[] = {{0, 'G', "signature"}, {11, 0, "signature"}, {12, 0x20, "command"},
		{12, 0x11, "version"}, {13, 0x12, "family"}, {13, 0x21, "family"},
		{15, 13, "13 bytes"}, {14, 1, "268 bytes"}};
	struct sockaddr_storage peer;
	socklen_t length;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t bytes[28];
		struct err e = {0};

		memcpy(bytes, example, sizeof(bytes));
		bytes[wrong[i].at] = wrong[i].byte;
		CHECK(proxy_header_read(bytes, 28, &peer, &length, &e) == -EBADMSG);
		CHECK(strstr(e.text, wrong[i].words));
	}
}

TEST(a_report_says_so_and_is_nobody_s_connection)
{
	struct sockaddr_storage peer;
	uint8_t bytes[PROXY_HEADER_MAX];
	socklen_t length;
	struct err e = {0};

	CHECK(proxy_report_write(bytes) == PROXY_REPORT_HEAD);
	CHECK(proxy_is_report(bytes, PROXY_REPORT_HEAD));
	CHECK(!proxy_is_report(bytes, PROXY_REPORT_HEAD - 1));
	CHECK(!proxy_is_report(example, sizeof(example)));
	CHECK(proxy_header_read(bytes, PROXY_REPORT_HEAD, &peer, &length, &e) == -EBADMSG);
}

TEST(a_connection_of_this_machine_has_no_header)
{
	struct sockaddr local = {.sa_family = AF_UNIX};
	struct sockaddr_in from = ipv4("192.0.2.1", 1);
	uint8_t bytes[PROXY_HEADER_MAX];

	CHECK(proxy_header_write(&local, &local, bytes) == -EAFNOSUPPORT);
	CHECK(proxy_header_write((struct sockaddr *)&from, &local, bytes) == -EAFNOSUPPORT);
}

TEST_MAIN()
