#include "gateway/tus.h"

#include <errno.h>

#include "tests/support/test.h"

TEST(a_number_is_digits_that_fit_a_file)
{
	struct err e = {0};
	uint64_t n;

	CHECK(tus_number("Upload-Length", "0", &n, &e) == 0 && n == 0);
	CHECK(tus_number("Upload-Length", "1073741824", &n, &e) == 0 && n == 1073741824);
	CHECK(tus_number("Upload-Length", NULL, &n, &e) == -EINVAL);
	CHECK(strstr(e.text, "Upload-Length"));
	for (const char **c = (const char *[]){"", "-1", "+1", " 1", "1 ", "1e3", "0x1",
		     "9223372036854775808", "99999999999999999999", NULL};
		*c; c++)
		CHECK(tus_number("Upload-Offset", *c, &n, &e) == -EINVAL);
}

TEST(a_name_comes_from_the_metadata_and_is_no_path)
{
	char name[FILE_NAME_MAX + 1];
	struct err e = {0};

	CHECK(tus_file_name(NULL, name, &e) == 0 && !strcmp(name, "file"));
	CHECK(tus_file_name("", name, &e) == 0 && !strcmp(name, "file"));
	/* world.pdf, with a key that has no value beside it */
	CHECK(tus_file_name("is_confidential,filename d29ybGQucGRm", name, &e) == 0);
	CHECK(!strcmp(name, "world.pdf"));
	CHECK(tus_file_name("filename YQ==, filetype aW1hZ2UvcG5n", name, &e) == 0);
	CHECK(!strcmp(name, "a"));
	/* ../../etc/passwd */
	CHECK(tus_file_name("filename Li4vLi4vZXRjL3Bhc3N3ZA==", name, &e) == 0);
	CHECK(!strcmp(name, "passwd"));
	for (const char **c = (const char *[]){"filename YQ=", "filename Y=Q=", "filename %%%%",
		     ",filename YQ==", "filename  YQ==", NULL};
		*c; c++)
		CHECK(tus_file_name(*c, name, &e) == -EINVAL && strstr(e.text, "base 64"));
}

TEST(metadata_is_bounded)
{
	char text[TUS_METADATA_MAX + 16] = "filename ", name[FILE_NAME_MAX + 1];
	struct err e = {0};

	memset(text + 9, 'Y', 4000); /* decodes to 3000 bytes */
	CHECK(tus_file_name(text, name, &e) == 0 && strlen(name) == FILE_NAME_MAX);
	memset(text + 9, 'Y', TUS_METADATA_MAX);
	CHECK(tus_file_name(text, name, &e) == -EINVAL && strstr(e.text, "4096"));
}

TEST_MAIN()
