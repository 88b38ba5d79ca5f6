#include "gateway/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "gateway/rate.h"
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

static struct rate *named(struct limits *l, const char *kind, int i, uint64_t now)
{
	char name[64];
	struct rate *rate;

	(void)snprintf(name, sizeof(name), "%s:%d", kind, i);
	rate = limits_named(l, name, now);
	if (rate)
		(void)rate_take(rate, 1, 10, now);
	return rate;
}

TEST(tokens_that_somebody_makes_up_leave_room_for_every_space)
{
	uint64_t now = 1000000000;
	struct limits *l;
	int tokens = 0, spaces = 0;

	CHECK(limits_new(2, 4, &l) == 0);
	while (named(l, "token", tokens, now))
		tokens++;
	while (named(l, "space", spaces, now))
		spaces++;
	CHECK(tokens == 8192 && spaces == 8192);
	CHECK(named(l, "token", 0, now) && named(l, "space", 0, now)); /* these are counted on */
	(void)limits_free(l);
}

TEST(a_full_table_is_swept_once_a_second_at_most)
{
	uint64_t now = 1000000000, rested = now + 60000000;
	struct limits *l;
	int n = 0;

	CHECK(limits_new(2, 4, &l) == 0);
	while (named(l, "token", n, now))
		n++;
	CHECK(!named(l, "token", n, rested - 500000)); /* swept; none has rested for long enough */
	CHECK(!named(l, "token", n, rested));          /* too soon to look again */
	CHECK(named(l, "token", n, rested + 500000));
	for (int i = 1; i < n; i++) /* the room of all that have gone is there again */
		CHECK(named(l, "token", n + i, rested + 500000));
	CHECK(!named(l, "token", 2 * n, rested + 500000));
	(void)limits_free(l);
}

TEST_MAIN()
