#include "gateway/visitor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

TEST(a_cookie_of_ours_names_its_visitor_and_no_other_does)
{
	struct visitor_key key = {{1, 2, 3}}, other = {{1, 2, 4}};
	char id[ID_LEN + 1], cookie[VISITOR_COOKIE_LEN + 1], got[ID_LEN + 1];

	visitor_new(&key, id, cookie);
	CHECK(strlen(cookie) == VISITOR_COOKIE_LEN);
	CHECK(visitor_check(&key, cookie, strlen(cookie), got) && !strcmp(id, got));
	CHECK(!visitor_check(&other, cookie, strlen(cookie), got));
	CHECK(!visitor_check(&key, cookie, strlen(cookie) - 1, got));
	CHECK(!visitor_check(&key, "", 0, got));
	for (size_t i = 0; i < VISITOR_COOKIE_LEN; i++) {
		cookie[i] ^= 1;
		CHECK(!visitor_check(&key, cookie, strlen(cookie), got));
		cookie[i] ^= 1;
	}
}

TEST(the_key_is_made_once_and_kept)
{
	char dir[] = "/tmp/vitrine-key-XXXXXX", path[64];
	struct visitor_key a, b;
	struct stat st;

	CHECK(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/visitor.key", dir);
	CHECK(visitor_key_load(path, &a, NULL) == 0 && visitor_key_load(path, &b, NULL) == 0);
	CHECK(!memcmp(&a, &b, sizeof(a)));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(truncate(path, 5) == 0 && visitor_key_load(path, &b, NULL) == 0);
	CHECK(memcmp(&a, &b, sizeof(a)));
	CHECK(fs_remove_tree(dir) == 0);
}

static bool found(const char *header, const char *name, const char *value)
{
	size_t n = 0;
	const char *at = cookie_find(header, strlen(header), name, &n);

	return value ? at && n == strlen(value) && !memcmp(at, value, n) : !at;
}

TEST(cookies_are_found_by_their_whole_name)
{
	CHECK(found("a=1; b=2;c=3", "a", "1") && found("a=1; b=2;c=3", "b", "2"));
	CHECK(found("a=1; b=2;c=3", "c", "3") && found("xa=1; a=2", "a", "2"));
	CHECK(found("ab=1", "a", NULL) && found("", "a", NULL) && found("a", "a", NULL));
	CHECK(found(";;; a=", "a", "") && found("a=1; a=2", "a", "1"));
	CHECK(found("a=x=y", "a", "x=y"));
}

TEST_MAIN()
