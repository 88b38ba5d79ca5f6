#include "orchestrator/repo/pointer.h"
#include "tests/support/test.h"

#define OID_TAIL "8a4c1f0d7e3b2a5968778695a4b3c2d1e0f00112233445566778899aabb7b5d"
#define OID "4" OID_TAIL
#define OTHER "f" OID_TAIL
#define HEAD "version https://git-lfs.github.com/spec/v1\n"

static bool parses(const char *text, struct pointer *ret)
{
	return pointer_parse(text, strlen(text), ret);
}

TEST(what_git_lfs_writes_is_read_and_written_back_to_the_byte)
{
	static const char text[] = HEAD "oid sha256:" OID "\nsize 5242880\n";
	struct pointer p;
	char again[POINTER_MAX];

	CHECK(parses(text, &p));
	CHECK(!strcmp(p.oid, OID) && p.size == 5242880);
	CHECK(pointer_format(&p, again) == strlen(text) && !strcmp(again, text));
}

TEST(sizes_from_nothing_to_the_largest)
{
	struct pointer p;

	CHECK(parses(HEAD "oid sha256:" OID "\nsize 0\n", &p) && p.size == 0);
	CHECK(parses(HEAD "oid sha256:" OID "\nsize 9223372036854775807\n", &p));
	CHECK(p.size == LFS_SIZE_MAX);
	CHECK(!parses(HEAD "oid sha256:" OID "\nsize 9223372036854775808\n", &p));
	CHECK(!parses(HEAD "oid sha256:" OID "\nsize 18446744073709551617\n", &p));
}

TEST(anything_else_is_an_ordinary_file_and_leaves_the_result_alone)
{
	static const char *const others[] = {
		"",
		HEAD,
		HEAD "oid sha256:" OID "\nsize 5",
		HEAD "oid sha256:" OID "\nsize 5\n\n",
		HEAD "oid sha256:" OID "\nsize 05\n",
		HEAD "oid sha256:" OID "\nsize -5\n",
		HEAD "oid sha256:" OID "\nsize \n",
		HEAD "oid sha256:" OID "\r\nsize 5\r\n",
		HEAD "oid sha256:" OID "0\nsize 5\n",
		HEAD "oid sha256:48A4\nsize 5\n",
		HEAD "oid sha1:" OID "\nsize 5\n",
		HEAD "size 5\noid sha256:" OID "\n",
		HEAD "ext-0-x sha256:" OID "\noid sha256:" OID "\nsize 5\n",
		"version https://hawser.github.com/spec/v1\noid sha256:" OID "\nsize 5\n",
		" " HEAD "oid sha256:" OID "\nsize 5\n",
	};
	struct pointer p = {.size = 77};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(!parses(others[i], &p));
	CHECK(p.size == 77);
}

TEST(bytes_that_end_anywhere_are_never_read_past)
{
	static const char text[] = HEAD "oid sha256:" OID "\nsize 12\n";
	struct pointer p;

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *exact = malloc(n ? n : 1);

		CHECK(exact);
		memcpy(exact, text, n);
		CHECK(!pointer_parse(exact, n, &p));
		free(exact);
	}
}

TEST(whatever_some_git_lfs_reads_names_its_object)
{
	static const char *const files[] = {
		HEAD "oid sha256:" OID "\nsize 5\n",
		HEAD "ext-0-x sha256:" OTHER "\noid sha256:" OID "\nsize 5\n",
		HEAD "oid sha256:" OID "\r\nsize 5\r\n",
		"version http://git-media.io/v/2\noid sha256:" OID "\nsize 5\n",
		"version https://hawser.github.com/spec/v1\noid sha256:" OID,
	};
	char oid[SHA256_HEX + 1];
	size_t at;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		at = 0;
		CHECK(pointer_next_name(files[i], strlen(files[i]), &at, oid));
		CHECK(!strcmp(oid, OID));
		CHECK(!pointer_next_name(files[i], strlen(files[i]), &at, oid));
		at = 0;
		CHECK(!pointer_next_name(files[i], strlen(HEAD "oid sha256:"), &at, oid));
	}
}

TEST(an_oid_is_64_digits_of_lower_case)
{
	CHECK(oid_is_valid(OID));
	CHECK(!oid_is_valid("") && !oid_is_valid(OID "0"));
	CHECK(!oid_is_valid("48A4C1F0D7E3B2A5968778695A4B3C2D1E0F00112233445566778899AABB7B5D"));
	CHECK(!oid_is_valid("../../../../../../../../../../../../../../../../../../../../../.."));
}

TEST_MAIN()
