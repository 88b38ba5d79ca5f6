#include "cli/host/backup_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

#define OLD "vitrine-2024-01-31-120000.tar.gz"
#define NEWER "vitrine-2025-01-31-120000.tar.gz"
#define NEWEST "vitrine-2026-01-31-120000.tar.gz"
#define KEY ".secrets-key"

static char dir[64], path[256];

static const char *at(const char *file)
{
	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	return path;
}

static void put(const char *file)
{
	struct err e = {0};

	CHECK(fs_write_durable(AT_FDCWD, at(file), "x", 1, 0600, &e) == 0);
}

static bool is_there(const char *file)
{
	return access(at(file), F_OK) == 0;
}

static void make_folder(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-keep-XXXXXX");
	CHECK(mkdtemp(dir));
	put(OLD);
	put(OLD KEY);
	put(NEWER);
	put(NEWEST);
}

TEST(the_one_just_made_stays_where_the_clock_was_set_back)
{
	struct err e = {0};

	make_folder();
	CHECK(backup_keep(dir, 1, OLD, KEY, &e) == 0);
	CHECK(is_there(OLD) && is_there(OLD KEY) && !is_there(NEWER) && !is_there(NEWEST));
	CHECK(fs_remove_tree(dir) == 0);
	make_folder();
	CHECK(backup_keep(dir, 2, OLD, KEY, &e) == 0);
	CHECK(is_there(OLD) && !is_there(NEWER) && is_there(NEWEST));
	CHECK(fs_remove_tree(dir) == 0);
	make_folder();
	CHECK(backup_keep(dir, 2, NEWEST, KEY, &e) == 0);
	CHECK(!is_there(OLD) && !is_there(OLD KEY) && is_there(NEWER) && is_there(NEWEST));
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(what_was_cut_off_a_day_ago_goes_and_what_may_be_written_now_stays)
{
	const struct timespec old[2] = {
		{.tv_sec = time(NULL) - 2 * 86400}, {.tv_sec = time(NULL) - 2 * 86400}};
	struct err e = {0};

	make_folder();
	put(OLD ".part");
	put(NEWER ".part");
	put("mine.part");
	CHECK(utimensat(AT_FDCWD, at(OLD ".part"), old, 0) == 0);
	CHECK(utimensat(AT_FDCWD, at("mine.part"), old, 0) == 0);
	CHECK(backup_keep(dir, 3, NEWEST, KEY, &e) == 0);
	CHECK(!is_there(OLD ".part") && is_there(NEWER ".part") && is_there("mine.part"));
	CHECK(is_there(OLD) && is_there(NEWER) && is_there(NEWEST));
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(how_many_stay_is_a_whole_number_within_its_bound)
{
	static const char *const wrong[] = {
		"", "0", "7x", "x7", "-1", " 7", "+7", "10001", "4294967296", "4294967297", "1e3"};
	struct err e = {0};
	unsigned int keep = 0;

	CHECK(backup_keep_parse("7", &keep, &e) == 0 && keep == 7);
	CHECK(backup_keep_parse("10000", &keep, &e) == 0 && keep == BACKUP_KEEP_MAX);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(backup_keep_parse(wrong[i], &keep, &e) == -EINVAL);
	CHECK(keep == BACKUP_KEEP_MAX);
}

TEST_MAIN()
