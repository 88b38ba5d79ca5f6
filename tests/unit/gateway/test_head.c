#include "gateway/head.h"

#include <errno.h>

#include "tests/support/test.h"

static int parse(const char *text, struct head *h, struct err *e)
{
	*e = (struct err){0};
	return head_parse(text, strlen(text), h, e);
}

static bool is(const struct span *s, const char *text)
{
	return s->n == strlen(text) && !memcmp(s->at, text, s->n);
}

TEST(a_complete_head_is_taken_apart)
{
	static const char text[] =
		"GET /spaces/a/b/-/ws?x=1 HTTP/1.1\r\nhost: a.example:80\r\n"
		"Upgrade: foo, WebSocket\r\nCookie:  a=b \r\nOrigin: http://a.example\r\n\r\nrest";
	struct space_path path;
	struct head h;
	struct err e;

	CHECK(parse(text, &h, &e) == 1);
	CHECK(is(&h.method, "GET") && is(&h.target, "/spaces/a/b/-/ws?x=1"));
	CHECK(is(&h.host, "a.example:80") && is(&h.cookie, "a=b") && h.upgrade_websocket);
	CHECK(h.length == sizeof(text) - 1 - 4);
	CHECK(origin_matches(&h.origin, &h.host));
	CHECK(space_path_parse(h.target.at, h.target.n, &path));
	CHECK(!strcmp(path.owner, "a") && !strcmp(path.name, "b") && path.rest_length == 5);
}

static void check_path(const char *target, const char *visitor, const char *rest)
{
	struct space_path path;
	struct span left;

	CHECK(space_path_parse(target, strlen(target), &path));
	left = (struct span){path.rest, path.rest_length};
	CHECK(is(&left, rest));
	CHECK(visitor ? path.visitor.at && is(&path.visitor, visitor) : !path.visitor.at);
}

TEST(a_path_may_say_who_the_visitor_is)
{
	check_path("/spaces/a/b/-/as/id.sum/-/ws?x=/-/as/y", "id.sum", "/-/ws");
	check_path("/spaces/a/b/-/as/id.sum", "id.sum", "");
	check_path("/spaces/a/b/-/as//-/ws", "", "/-/ws");
	check_path("/spaces/a/b/-/as/x/-/as/y/-/ws", "x", "/-/as/y/-/ws");
	check_path("/spaces/a/b/-/as/", NULL, "/-/as/");
	check_path("/spaces/a/b/-/as", NULL, "/-/as");
	check_path("/spaces/a/b?/-/as/x/-/ws", NULL, "");
}

TEST(every_prefix_of_a_head_waits_for_more)
{
	static const char text[] = "POST /api/x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
	struct head h;
	struct err e = {0};

	for (size_t n = 0; n < sizeof(text) - 1; n++)
		CHECK(head_parse(text, n, &h, &e) == 0);
	CHECK(head_parse(text, sizeof(text) - 1, &h, &e) == 1);
}

TEST(what_is_not_http_is_refused_in_words)
{
	static const struct {
		const char *text;
		int code;
		const char *words;
	} cases[] = {
		{"\x16\x03\x01", -EBADMSG, "not HTTP"},
		{"GET\r\n\r\n", -EBADMSG, "request line"},
		{"GET / HTTP/2.0\r\n\r\n", -EBADMSG, "HTTP/1"},
		{"GET / http/1.1\r\n\r\n", -EBADMSG, "HTTP/1"},
		{"G@T / HTTP/1.1\r\n\r\n", -EBADMSG, "method"},
		{"GET /a b HTTP/1.1\r\n\r\n", -EBADMSG, "target"},
		{"GET / HTTP/1.1\r\nNo colon\r\n\r\n", -EBADMSG, "header"},
		{"GET / HTTP/1.1\r\nHost : x\r\n\r\n", -EBADMSG, "header"},
		{"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", -EBADMSG, "header"},
		{"GET / HTTP/1.1\r\n\r\n", -EBADMSG, "Host"},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", -EBADMSG, "Host"},
		{"GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n", -EBADMSG, "Host"},
		{"GET / HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nOrigin: y\r\n\r\n", -EBADMSG, "Origin"},
	};
	struct head h;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK(parse(cases[i].text, &h, &e) == cases[i].code);
		CHECK(strstr(e.text, cases[i].words));
	}
	CHECK(parse("GET / HTTP/1.0\r\n\r\n", &h, &e) == 1);
}

TEST(length_and_number_of_fields_are_bounded)
{
	static char text[HEAD_MAX + 100] = "GET / HTTP/1.1\r\nHost: h\r\n";
	struct head h;
	struct err e = {0};
	size_t n = strlen(text);

	memset(text + n, 'a', sizeof(text) - n);
	CHECK(head_parse(text, HEAD_MAX - 1, &h, &e) == 0);
	CHECK(head_parse(text, HEAD_MAX, &h, &e) == -EMSGSIZE);
	for (int i = 0; i <= HEAD_FIELDS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "A: b\r\n");
	CHECK(head_parse(text, n, &h, &e) == -EMSGSIZE && strstr(e.text, "fields"));
}

TEST(an_origin_is_the_host_or_it_is_not)
{
	static const struct {
		const char *origin, *host;
		bool same;
	} cases[] = {
		{"http://a", "a", true},
		{"http://a:80", "a", true},
		{"http://a", "A:80", true},
		{"https://a", "a:443", true},
		{"https://a:8080", "a:8080", true},
		{"http://a:8080", "a:8081", false},
		{"http://a.evil", "a", false},
		{"http://evil/a", "a", false},
		{"null", "null", false},
		{"a", "a", false},
		{"http://", "", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct span o = {cases[i].origin, strlen(cases[i].origin)};
		struct span h = {cases[i].host, strlen(cases[i].host)};

		CHECK(origin_matches(&o, &h) == cases[i].same);
	}
}

TEST(space_paths_hold_two_names_and_a_rest)
{
	static const struct {
		const char *target;
		bool good;
		const char *rest;
	} cases[] = {
		{"/spaces/a/b", true, ""},
		{"/spaces/a/b?x", true, ""},
		{"/spaces/a/b.git/info/refs", true, "/info/refs"},
		{"/spaces/a/", false, NULL},
		{"/spaces/a", false, NULL},
		{"/spaces//b", false, NULL},
		{"/spaces/a/b%2f", false, NULL},
		{"/spaces", false, NULL},
		{"/spacesx/a/b", false, NULL},
		{"/spaces/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b", false, NULL},
	};
	struct space_path p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK(space_path_parse(cases[i].target, strlen(cases[i].target), &p) ==
			cases[i].good);
		if (cases[i].good)
			CHECK(p.rest_length == strlen(cases[i].rest) &&
				!memcmp(p.rest, cases[i].rest, p.rest_length));
	}
}

TEST_MAIN()
