#include "gateway/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

#define SHARE (1u << 20)

static char dir[64];

static struct files *fresh(void)
{
	struct files *f;

	(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-files-XXXXXX");
	CHECK(mkdtemp(dir) && files_new(dir, SHARE, &f, NULL) == 0);
	return f;
}

static struct file_info keep(
	struct files *f, const char *id, const char *name, const void *bytes, size_t n)
{
	struct file_info info;
	struct upload *u;

	CHECK(upload_new(f, "s1", id, name, &u, NULL) == 0);
	CHECK(upload_write(u, bytes, n, 1000, NULL) == 0);
	CHECK(upload_finish(u, &info, NULL) == 0);
	return info;
}

TEST(types_are_found_in_the_bytes)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *type;
		bool image;
	} cases[] = {
		{"\x89PNG\r\n\x1a\n", 8, "image/png", true},
		{"\xff\xd8\xff\xe0", 4, "image/jpeg", true},
		{"GIF89a", 6, "image/gif", true},
		{"RIFF....WEBPVP8 ", 16, "image/webp", true},
		{"RIFF....WAVEfmt ", 16, "audio/wav", false},
		{"%PDF-1.4", 8, "application/pdf", false},
		{"<svg onload=alert(1)>", 21, "text/plain", false},
		{"<html>", 6, "text/plain", false},
		{"\x89PNG", 4, "text/plain", false},
		{"a\0b", 3, "application/octet-stream", false},
		{"", 0, "text/plain", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool image;

		CHECK(!strcmp(file_type((const uint8_t *)cases[i].bytes, cases[i].n, &image),
			cases[i].type));
		CHECK(image == cases[i].image);
	}
}

TEST(names_are_never_paths)
{
	char name[FILE_NAME_MAX + 1], longer[400];

	file_clean_name("/etc/passwd", name);
	CHECK(!strcmp(name, "passwd"));
	file_clean_name("C:\\x\\y.png", name);
	CHECK(!strcmp(name, "y.png"));
	file_clean_name("..", name);
	CHECK(!strcmp(name, "file"));
	file_clean_name("a\r\nb\x7f", name);
	CHECK(!strcmp(name, "ab"));
	file_clean_name("x/", name);
	CHECK(!strcmp(name, "file"));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	file_clean_name(longer, name);
	CHECK(strlen(name) == FILE_NAME_MAX);
}

TEST(a_file_comes_back_as_it_was)
{
	struct files *f = fresh();
	struct file_info in = keep(f, NULL, "n.txt", "hello", 5), out;
	char bytes[8];
	int fd = files_open(f, "s1", in.id, &out);

	CHECK(fd >= 0 && read(fd, bytes, 8) == 5 && !memcmp(bytes, "hello", 5));
	CHECK(!strcmp(out.name, "n.txt") && !strcmp(out.type, "text/plain") && out.size == 5);
	close(fd);
	CHECK(files_open(f, "s2", in.id, &out) == -ENOENT);
	CHECK(files_open(f, "s1", "../visitor.key", &out) == -ENOENT);
	(void)files_free(f);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(an_id_is_taken_once_and_a_size_is_kept_to)
{
	struct files *f = fresh();
	struct upload *u;
	struct err e = {0};

	(void)keep(f, "abcdefghjkmnpqrstvwxyz0123", "a", "1", 1);
	CHECK(upload_new(f, "s1", "abcdefghjkmnpqrstvwxyz0123", "b", &u, &e) == -EEXIST);
	CHECK(upload_new(f, "s1", NULL, "c", &u, &e) == 0);
	CHECK(upload_write(u, "12345", 5, 8, &e) == 0);
	CHECK(upload_write(u, "6789", 4, 8, &e) == -EMSGSIZE && strstr(e.text, "limit of 8"));
	(void)upload_free(u);
	(void)files_free(f);
	/* What was given up, or left by a kill, leaves nothing behind. */
	CHECK(files_new(dir, SHARE, &f, NULL) == 0);
	(void)files_free(f);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(files_nobody_uses_expire_and_used_ones_do_not)
{
	struct files *f = fresh();
	struct file_info old = keep(f, NULL, "a", "1", 1), used = keep(f, NULL, "b", "2", 1), out;
	struct timespec times[2] = {{time(NULL) - 10 * 86400, 0}, {time(NULL) - 10 * 86400, 0}};
	const char *ids[] = {old.id, used.id};
	char path[160];
	int fd;

	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/s1/%s", dir, ids[i]);
		CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
	}
	fd = files_open(f, "s1", used.id, &out);
	CHECK(fd >= 0);
	close(fd);
	files_expire(f, time(NULL), 8 * 86400);
	CHECK(files_open(f, "s1", old.id, &out) == -ENOENT);
	fd = files_open(f, "s1", used.id, &out);
	CHECK(fd >= 0);
	close(fd);
	files_drop_space(f, "s1");
	CHECK(files_open(f, "s1", used.id, &out) == -ENOENT);
	(void)files_free(f);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST_MAIN()
