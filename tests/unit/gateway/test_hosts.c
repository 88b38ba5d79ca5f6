#include "gateway/hosts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fs.h"
#include "tests/support/test.h"

static char dir[64];

static struct route_table *fresh(void)
{
	struct route_table *t;

	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-hosts-XXXXXX");
	CHECK(mkdtemp(dir));
	CHECK(route_table_new(dir, &t, NULL) == 0);
	return t;
}

static struct route *put(struct route_table *t, const char *space, const char *owner,
	const char *name, int epoch, const char *more)
{
	struct err e = {0};
	struct route *r = NULL;
	char text[1024];
	int n = snprintf(text, sizeof(text),
		"{\"space\":\"%s\",\"owner\":\"%s\",\"name\":\"%s\",\"epoch\":%d,\"title\":\"T\","
		"\"class\":\"small\",\"sleep_sec\":300%s}",
		space, owner, name, epoch, more);

	CHECK(route_table_put(t, (uint8_t *)text, (size_t)n, &r, &e) >= 0);
	return r;
}

static void end(struct route_table *t)
{
	(void)route_table_free(t);
	CHECK(fs_remove_tree(dir) == 0);
}

static struct hosts hosts_at(const char *url, const char *domain)
{
	struct hosts h;
	struct err e = {0};

	CHECK(hosts_init(&h, url, domain, &e) == 0);
	return h;
}

static enum host_kind find(
	const struct hosts *h, struct route_table *t, const char *host, struct route **ret)
{
	*ret = NULL;
	return hosts_find(h, t, host, strlen(host), ret);
}

TEST(a_spaces_host_is_found_and_nothing_else_is_one)
{
	struct hosts h = hosts_at("http://demos.example.org:8080", "Spaces.Example.org");
	struct route_table *t = fresh();
	struct route *mood = put(t, "s1", "ada", "mood", 1, ""), *r;
	char url[HOST_URL_MAX];

	CHECK(find(&h, t, "ada-mood.spaces.example.org:8080", &r) == HOST_SPACE && r == mood);
	CHECK(find(&h, t, "ADA-Mood.Spaces.example.ORG.", &r) == HOST_SPACE && r == mood);
	CHECK(find(&h, t, "demos.example.org:8080", &r) == HOST_PLATFORM);
	CHECK(find(&h, t, "ada-nothing.spaces.example.org", &r) == HOST_NOBODY);
	CHECK(find(&h, t, "x.ada-mood.spaces.example.org", &r) == HOST_NOBODY);
	CHECK(find(&h, t, "spaces.example.org", &r) == HOST_PLATFORM);
	CHECK(find(&h, t, "ada-mood", &r) == HOST_PLATFORM && !r);
	CHECK(find(&h, t, "127.0.0.1:8080", &r) == HOST_PLATFORM);
	CHECK(find(&h, t, "[::1]:8080", &r) == HOST_PLATFORM);
	CHECK(find(&h, t, "ada-mood.spaces.example.org@evil.org", &r) == HOST_PLATFORM && !r);
	hosts_address(&h, mood, url);
	CHECK(!strcmp(url, "http://ada-mood.spaces.example.org:8080"));
	end(t);
}

TEST(a_brought_host_is_its_spaces_until_it_is_taken_away)
{
	struct hosts h = hosts_at("https://demos.example.org", "");
	struct route_table *t = fresh();
	struct route *mood = put(t, "s1", "ada", "mood", 1,
			     ",\"domains\":\"demo.company.com www.company.com\""),
		     *other, *r;
	char url[HOST_URL_MAX];

	CHECK(find(&h, t, "Demo.company.com:443", &r) == HOST_SPACE && r == mood);
	CHECK(find(&h, t, "www.company.com", &r) == HOST_SPACE && r == mood);
	CHECK(find(&h, t, "company.com", &r) == HOST_PLATFORM);
	hosts_address(&h, mood, url);
	CHECK(!*url);
	/* It moves to another Space, whose route may come first. */
	other = put(t, "s2", "bob", "x", 1, ",\"domains\":\"www.company.com\"");
	CHECK(find(&h, t, "www.company.com", &r) == HOST_SPACE && r == other);
	(void)put(t, "s1", "ada", "mood", 1, "");
	CHECK(find(&h, t, "www.company.com", &r) == HOST_SPACE && r == other);
	CHECK(find(&h, t, "demo.company.com", &r) == HOST_PLATFORM);
	route_table_drop(t, other);
	CHECK(find(&h, t, "www.company.com", &r) == HOST_PLATFORM);
	end(t);
}

TEST(a_former_name_leads_on_until_somebody_has_it)
{
	struct hosts h = hosts_at("https://demos.example.org", "s.org");
	struct route_table *t = fresh();
	struct route *mood = put(t, "s1", "ada", "new", 1, ",\"was\":\"ada-mood ada-older\""),
		     *next, *r;

	CHECK(find(&h, t, "ada-mood.s.org", &r) == HOST_FORMER && r == mood);
	CHECK(find(&h, t, "ada-new.s.org", &r) == HOST_SPACE && r == mood);
	next = put(t, "s2", "ada", "mood", 1, "");
	CHECK(find(&h, t, "ada-mood.s.org", &r) == HOST_SPACE && r == next);
	CHECK(find(&h, t, "ada-older.s.org", &r) == HOST_FORMER && r == mood);
	/* The one that was called so is told of again. */
	(void)put(t, "s1", "ada", "newer", 2, ",\"was\":\"ada-new ada-mood ada-older\"");
	CHECK(find(&h, t, "ada-mood.s.org", &r) == HOST_SPACE && r == next);
	end(t);
}

TEST(settings_that_make_no_sense_are_refused_in_words)
{
	static const char *const urls[] = {
		"demos.example.org", "ftp://a.b", "http://a/b", "http://", "http://[::1]:80"};
	struct hosts h;

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct err e = {0};

		CHECK(hosts_init(&h, urls[i], "s.org", &e) == -EINVAL && e.text[0]);
	}
	CHECK(hosts_init(&h, "", "s.org", &(struct err){0}) == -EINVAL);
	CHECK(hosts_init(&h, "http://a.b", "s..org", &(struct err){0}) == -EINVAL);
	CHECK(hosts_init(&h, "", "", &(struct err){0}) == 0);
}

TEST(cookies_are_kept_to_the_host_where_browsers_can)
{
	struct hosts safe = hosts_at("https://a.b", "s.org"),
		     plain = hosts_at("http://a.b", "s.org");

	CHECK(!strncmp(hosts_pass_cookie(&safe), "__Host-", 7));
	CHECK(!strncmp(hosts_visitor_cookie(&safe), "__Host-", 7));
	CHECK(!strncmp(hosts_enter_cookie(&safe), "__Host-", 7));
	CHECK(strncmp(hosts_pass_cookie(&plain), "__Host-", 7) != 0);
}

TEST_MAIN()
