#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/test.h"

static char root[64];

static const char *fresh(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/vitrine-fs-XXXXXX");
	CHECK(mkdtemp(root));
	return root;
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static size_t entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

TEST(folders_are_made_with_their_parents_and_again_is_fine)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/a/b/c", fresh());
	CHECK(fs_mkdirs(path, 0700, NULL) == 0);
	CHECK(fs_mkdirs(path, 0700, NULL) == 0);
	CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
	CHECK(fs_remove_tree(root) == 0);
}

TEST(a_file_in_the_way_of_a_folder_is_an_error_with_words)
{
	struct err e = {0};
	char path[128];
	int dir = open_dir(fresh());

	CHECK(fs_write_durable(dir, "a", "x", 1, 0600, NULL) == 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", root);
	CHECK(fs_mkdirs(path, 0700, &e) == -ENOTDIR);
	CHECK(strstr(e.text, "/a/b"));
	close(dir);
	CHECK(fs_remove_tree(root) == 0);
}

TEST(a_durable_write_replaces_the_whole_file_and_leaves_nothing_else)
{
	int dir = open_dir(fresh());
	struct stat st;
	struct buf b;

	CHECK(fs_write_durable(dir, "f", "first version", 13, 0640, NULL) == 0);
	CHECK(fs_write_durable(dir, "f", "second", 6, 0600, NULL) == 0);
	buf_init(&b, 100);
	CHECK(fs_read(dir, "f", &b, NULL) == 0);
	CHECK(strcmp(buf_str(&b), "second") == 0);
	buf_done(&b);
	CHECK(fstatat(dir, "f", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(entries(root) == 1);
	close(dir);
	CHECK(fs_remove_tree(root) == 0);
}

TEST(a_durable_write_below_the_folder_works_too)
{
	int dir = open_dir(fresh());

	CHECK(mkdirat(dir, "sub", 0700) == 0);
	CHECK(fs_write_durable(dir, "sub/f", "x", 1, 0600, NULL) == 0);
	CHECK(faccessat(dir, "sub/f", R_OK, 0) == 0);
	close(dir);
	CHECK(fs_remove_tree(root) == 0);
}

TEST(a_write_that_fails_leaves_the_old_file_and_no_rest)
{
	int dir = open_dir(fresh());
	struct err e = {0};

	CHECK(mkdirat(dir, "taken", 0700) == 0);
	CHECK(fs_write_durable(dir, "taken", "x", 1, 0600, &e) == -EISDIR);
	CHECK(strstr(e.text, "cannot write taken"));
	CHECK(fs_write_durable(dir, "nowhere/f", "x", 1, 0600, &e) == -ENOENT);
	CHECK(entries(root) == 1);
	close(dir);
	CHECK(fs_remove_tree(root) == 0);
}

TEST(a_full_disk_is_told_and_the_old_file_stays)
{
	/* /dev/full answers every write with ENOSPC, full(4). */
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(fs_write_all(fd, "x", 1) == -ENOSPC);
	close(fd);
}

TEST(reading_stops_at_the_ceiling_of_the_buffer)
{
	int dir = open_dir(fresh());
	struct err e = {0};
	struct buf b;

	CHECK(fs_write_durable(dir, "f", "0123456789", 10, 0600, NULL) == 0);
	buf_init(&b, 10);
	CHECK(fs_read(dir, "f", &b, &e) == 0 && b.len == 10);
	buf_done(&b);
	buf_init(&b, 9);
	CHECK(fs_read(dir, "f", &b, &e) == -ENOSPC);
	CHECK(strcmp(e.text, "f: larger than 9 bytes") == 0);
	buf_done(&b);
	CHECK(fs_read(dir, "none", &b, &e) == -ENOENT);
	close(dir);
	CHECK(fs_remove_tree(root) == 0);
}

TEST(a_sealed_memory_file_cannot_be_changed_by_anyone)
{
	int fd = fs_memfd_sealed("test", "content", 7, NULL);
	char text[16] = "";

	CHECK(fd >= 0);
	CHECK(fs_is_sealed(fd) == 1);
	CHECK(read(fd, text, sizeof(text)) == 7 && strcmp(text, "content") == 0);
	CHECK(pwrite(fd, "x", 1, 0) == -1 && errno == EPERM);
	CHECK(ftruncate(fd, 3) == -1 && errno == EPERM);
	CHECK(ftruncate(fd, 30) == -1 && errno == EPERM);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	close(fd);
}

TEST(fewer_seals_or_an_ordinary_file_are_not_sealed)
{
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int plain = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
	CHECK(fs_is_sealed(fd) == 0);
	CHECK(fs_is_sealed(plain) < 0);
	close(fd);
	close(plain);
}

TEST(a_tree_is_removed_without_following_its_links)
{
	char outside[] = "/tmp/vitrine-fs-keep-XXXXXX", path[128];
	int dir, keep;

	CHECK(mkdtemp(outside));
	keep = open_dir(outside);
	CHECK(fs_write_durable(keep, "kept", "x", 1, 0600, NULL) == 0);
	dir = open_dir(fresh());
	(void)snprintf(path, sizeof(path), "%s/a/b", root);
	CHECK(fs_mkdirs(path, 0700, NULL) == 0);
	CHECK(symlinkat(outside, dir, "a/link") == 0);
	close(dir);
	CHECK(fs_remove_tree(root) == 0);
	CHECK(access(root, F_OK) == -1);
	CHECK(faccessat(keep, "kept", F_OK, 0) == 0);
	CHECK(fs_remove_tree(root) == 0); /* missing is fine */
	close(keep);
	CHECK(fs_remove_tree(outside) == 0);
}

TEST_MAIN()
