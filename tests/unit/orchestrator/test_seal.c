#include "orchestrator/space/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64], path[80];
	struct seal_key *key;
	struct buf clear;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-seal-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/key", fx->dir);
	CHECK(seal_key_open(fx->path, &fx->key, NULL) == 0);
	buf_init(&fx->clear, SEAL_TEXT_MAX);
}

static void teardown(struct fixture *fx)
{
	buf_done(&fx->clear);
	(void)seal_key_free(fx->key);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

TEST(what_is_sealed_opens_again_also_with_the_key_read_from_its_file)
{
	static const char *const texts[] = {"", "x", "a longer text with Grüße\nand lines"};
	struct seal_key *again = NULL;
	struct fixture fx;

	setup(&fx);
	CHECK(seal_key_open(fx.path, &again, NULL) == 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(freep) char *sealed = NULL;

		CHECK(seal_close(fx.key, "space/NAME", texts[i], &sealed, NULL) == 0);
		CHECK(!*texts[i] || !strstr(sealed, texts[i]));
		buf_clear(&fx.clear);
		CHECK(seal_open(again, "space/NAME", sealed, &fx.clear, NULL) == 0);
		CHECK(!strcmp(buf_str(&fx.clear), texts[i]));
	}
	(void)seal_key_free(again);
	teardown(&fx);
}

TEST(the_same_text_is_sealed_differently_each_time)
{
	CLEANUP(freep) char *a = NULL;
	CLEANUP(freep) char *b = NULL;
	struct fixture fx;

	setup(&fx);
	CHECK(seal_close(fx.key, "x", "same", &a, NULL) == 0);
	CHECK(seal_close(fx.key, "x", "same", &b, NULL) == 0);
	CHECK(strcmp(a, b) != 0);
	teardown(&fx);
}

TEST(it_opens_for_nothing_else_under_no_other_key_and_with_no_bit_changed)
{
	CLEANUP(freep) char *sealed = NULL;
	struct seal_key *other = NULL;
	struct fixture fx;
	char path[96];

	setup(&fx);
	(void)snprintf(path, sizeof(path), "%s/other", fx.dir);
	CHECK(seal_key_open(path, &other, NULL) == 0);
	CHECK(seal_close(fx.key, "space1/A", "text", &sealed, NULL) == 0);
	CHECK(seal_open(fx.key, "space2/A", sealed, &fx.clear, NULL) == -EBADMSG);
	CHECK(seal_open(fx.key, "space1/B", sealed, &fx.clear, NULL) == -EBADMSG);
	CHECK(seal_open(other, "space1/A", sealed, &fx.clear, NULL) == -EBADMSG);
	for (size_t i = 0; sealed[i]; i++) {
		char was = sealed[i];

		sealed[i] = was == '0' ? '1' : '0';
		CHECK(seal_open(fx.key, "space1/A", sealed, &fx.clear, NULL) == -EBADMSG);
		sealed[i] = was;
	}
	CHECK(fx.clear.len == 0);
	CHECK(seal_open(fx.key, "space1/A", "", &fx.clear, NULL) == -EBADMSG);
	CHECK(seal_open(fx.key, "space1/A", "0", &fx.clear, NULL) == -EBADMSG);
	CHECK(seal_open(fx.key, "space1/A", sealed, &fx.clear, NULL) == 0);
	(void)seal_key_free(other);
	teardown(&fx);
}

TEST(the_key_is_made_once_and_only_its_owner_can_read_it)
{
	struct seal_key *again = NULL;
	struct fixture fx;
	struct stat st, later;

	setup(&fx);
	CHECK(stat(fx.path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(chmod(fx.path, 0644) == 0);
	CHECK(seal_key_open(fx.path, &again, NULL) == 0);
	CHECK(stat(fx.path, &later) == 0 && (later.st_mode & 0777) == 0600);
	CHECK(later.st_ino == st.st_ino && later.st_size == st.st_size);
	(void)seal_key_free(again);
	teardown(&fx);
}

TEST(a_file_that_is_no_key_is_refused_and_left_alone)
{
	struct seal_key *again = NULL;
	struct fixture fx;
	struct err e = {0};
	struct stat st;

	setup(&fx);
	CHECK(fs_write_durable(AT_FDCWD, fx.path, "short", 5, 0600, NULL) == 0);
	CHECK(seal_key_open(fx.path, &again, &e) == -EBADMSG && strstr(e.text, fx.path));
	CHECK(stat(fx.path, &st) == 0 && st.st_size == 5);
	teardown(&fx);
}

TEST(a_text_over_the_limit_is_refused)
{
	CLEANUP(freep) char *text = malloc(SEAL_TEXT_MAX + 2);
	CLEANUP(freep) char *sealed = NULL;
	struct fixture fx;

	setup(&fx);
	memset(text, 'x', SEAL_TEXT_MAX + 1);
	text[SEAL_TEXT_MAX + 1] = '\0';
	CHECK(seal_close(fx.key, "x", text, &sealed, NULL) == -EFBIG);
	text[SEAL_TEXT_MAX] = '\0';
	CHECK(seal_close(fx.key, "x", text, &sealed, NULL) == 0);
	CHECK(seal_open(fx.key, "x", sealed, &fx.clear, NULL) == 0);
	CHECK(fx.clear.len == SEAL_TEXT_MAX);
	teardown(&fx);
}

TEST_MAIN()
