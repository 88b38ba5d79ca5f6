#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "orchestrator/people/links.h"
#include "tests/support/test.h"

#define MINUTE (60 * USEC_PER_SEC)

TEST(a_link_leads_its_user_where_it_was_made_for_once)
{
	CLEANUP(links_freep) struct links *l = links_new();
	char key[LINK_KEY_LEN + 1], user[OWNER_MAX + 1], next[LINK_NEXT_MAX + 1];

	CHECK(links_add(l, "ada", "/spaces/ada/hello#dev", MINUTE, key, NULL) == 0);
	CHECK(strlen(key) == LINK_KEY_LEN);
	CHECK(links_take(l, key, 2 * MINUTE, user, next) == 0);
	CHECK(!strcmp(user, "ada") && !strcmp(next, "/spaces/ada/hello#dev"));
	CHECK(links_take(l, key, 2 * MINUTE, user, next) == -ENOENT);
}

TEST(a_wrong_key_and_an_old_link_lead_nowhere)
{
	CLEANUP(links_freep) struct links *l = links_new();
	char key[LINK_KEY_LEN + 1], wrong[LINK_KEY_LEN + 1], user[OWNER_MAX + 1],
		next[LINK_NEXT_MAX + 1];

	CHECK(links_add(l, "ada", "/", MINUTE, key, NULL) == 0);
	memcpy(wrong, key, sizeof(key));
	wrong[3] = wrong[3] == 'a' ? 'b' : 'a';
	CHECK(links_take(l, wrong, MINUTE, user, next) == -ENOENT);
	CHECK(links_take(l, "", MINUTE, user, next) == -ENOENT);
	CHECK(links_take(l, key, MINUTE + (LINK_LIFE_MIN + 1) * MINUTE, user, next) == -ENOENT);
	CHECK(links_take(l, key, MINUTE, user, next) == -ENOENT); /* used up by the try */
}

TEST(a_link_leads_to_this_site_only)
{
	static const char *const bad[] = {"", "spaces", "//evil.example", "/\\evil.example",
		"/a\r\nSet-Cookie: x", "/a b", "/ä"};
	CLEANUP(links_freep) struct links *l = links_new();
	char key[LINK_KEY_LEN + 1], longer[LINK_NEXT_MAX + 2];
	struct err e = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(links_add(l, "ada", bad[i], 0, key, &e) == -EINVAL);
		CHECK(!strncmp(e.text, "next: ", 6));
	}
	memset(longer, '/', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	CHECK(links_add(l, "ada", longer, 0, key, &e) == -EINVAL);
}

TEST(the_oldest_link_makes_room)
{
	CLEANUP(links_freep) struct links *l = links_new();
	char keys[LINKS_MAX + 1][LINK_KEY_LEN + 1], user[OWNER_MAX + 1], next[LINK_NEXT_MAX + 1];

	for (unsigned int i = 0; i <= LINKS_MAX; i++)
		CHECK(links_add(l, "ada", "/", i + 1, keys[i], NULL) == 0);
	CHECK(links_take(l, keys[0], 99, user, next) == -ENOENT);
	for (unsigned int i = 1; i <= LINKS_MAX; i++)
		CHECK(links_take(l, keys[i], 99, user, next) == 0);
}

TEST_MAIN()
