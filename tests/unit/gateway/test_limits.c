#include "gateway/limits.h"

#include <arpa/inet.h>
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
