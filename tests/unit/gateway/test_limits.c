#include "gateway/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "tests/support/test.h"

static struct address *enter(struct limits *l, const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return limits_enter(l, (struct sockaddr *)&in);
	CHECK(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
	return limits_enter(l, (struct sockaddr *)&in6);
}

TEST(sockets_are_counted_per_address_and_in_all)
{
	struct limits *l;
	struct address *a, *b;

	CHECK(limits_new(2, 4, &l) == 0);
	a = enter(l, "10.0.0.1");
	CHECK(a && enter(l, "10.0.0.1") == a && !enter(l, "10.0.0.1"));
	CHECK(enter(l, "::ffff:10.0.0.1") == NULL); /* the same one in other clothes */
	b = enter(l, "2001:db8::1");
	CHECK(b && enter(l, "2001:db8::2") == b); /* one /64, one subscriber */
	CHECK(!enter(l, "10.0.0.9"));             /* four in all */
	limits_leave(l, a);
	CHECK(enter(l, "10.0.0.9"));
	CHECK(!strcmp(address_text(a), "10.0.0.1"));
	(void)limits_free(l);
}

TEST(what_outlives_its_socket_is_counted_again)
{
	struct limits *l;
	struct address *a;

	CHECK(limits_new(2, 3, &l) == 0);
	a = enter(l, "10.0.0.1");
	CHECK(limits_enter_again(l, a) && !limits_enter_again(l, a));
	CHECK(enter(l, "10.0.0.2"));
	limits_leave(l, a);
	CHECK(enter(l, "10.0.0.3") && !limits_enter_again(l, a)); /* three in all */
	(void)limits_free(l);
}

static struct address *behind(struct limits *l, struct address *a, const char *list)
{
	return limits_enter_behind(l, a, list, strlen(list));
}

TEST(a_trusted_proxy_names_who_is_behind_it_and_nobody_else_does)
{
	struct address *proxy, *stranger, *v;
	struct limits *l;

	CHECK(limits_new(2, 100, &l) == 0);
	CHECK(limits_trust(l, "127.0.0.1") == 0 && limits_trust(l, "fd00::1") == 0);
	CHECK(limits_trust(l, "localhost") == -EINVAL && limits_trust(l, "") == -EINVAL);
	proxy = enter(l, "127.0.0.1");
	CHECK(address_is_proxy(proxy));
	for (int i = 0; i < 8; i++) /* its own sockets are not counted against it */
		CHECK(enter(l, "127.0.0.1") == proxy);
	v = behind(l, proxy, "6.6.6.6, 10.0.0.1");
	CHECK(v && !strcmp(address_text(v), "10.0.0.1") && !address_is_proxy(v));
	CHECK(behind(l, proxy, "10.0.0.1:4711, 127.0.0.1") == v); /* a chain of ours */
	CHECK(!behind(l, proxy, "10.0.0.1"));
	CHECK(!strcmp(address_text(behind(l, proxy, "[2001:db8::7]:80")), "2001:db8::7"));
	CHECK(!strcmp(address_text(behind(l, proxy, "2001:db8:0:1::7")), "2001:db8:0:1::7"));
	CHECK(behind(l, proxy, "") == proxy && behind(l, proxy, "unknown") == proxy);
	CHECK(behind(l, proxy, "9.9.9.9,") == proxy && behind(l, proxy, "[") == proxy);
	CHECK(behind(l, proxy, "127.0.0.1,127.0.0.1") == proxy);
	CHECK(address_is_proxy(enter(l, "fd00::1")) && !address_is_proxy(enter(l, "fd00::2")));
	stranger = enter(l, "10.0.0.66");
	CHECK(behind(l, stranger, "10.0.0.1") == stranger && !behind(l, stranger, "1.2.3.4"));
	(void)limits_free(l);
}

TEST(tokens_run_out_and_come_back)
{
	struct limits *l;
	struct address *a;
	uint64_t now = 1000000;
	int n = 0;

	CHECK(limits_new(2, 4, &l) == 0);
	a = enter(l, "10.0.0.1");
	while (limits_take(a, LIMIT_UPLOAD, now))
		n++;
	CHECK(n == 60);
	CHECK(limits_take(a, LIMIT_SESSION, now)); /* of another kind */
	now += 1000000;
	CHECK(limits_take(a, LIMIT_UPLOAD, now) && limits_take(a, LIMIT_UPLOAD, now));
	CHECK(!limits_take(a, LIMIT_UPLOAD, now));
	(void)limits_free(l);
}

TEST_MAIN()
