#include "base/digest.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/fs.h"
#include "base/random.h"
#include "tests/support/test.h"

TEST(sha256_of_known_texts)
{
	char hex[SHA256_HEX + 1];

	sha256_hex("", 0, hex);
	CHECK(strcmp(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") == 0);
	sha256_hex("abc", 3, hex);
	CHECK(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
}

TEST(sha256_of_a_file_is_that_of_its_bytes_from_the_current_position)
{
	char hex[SHA256_HEX + 1], want[SHA256_HEX + 1];
	char big[200000];
	int fd;

	memset(big, 'q', sizeof(big));
	fd = fs_memfd_sealed("digest", big, sizeof(big), NULL);
	CHECK(fd >= 0);
	CHECK(lseek(fd, 5, SEEK_SET) == 5);
	CHECK(sha256_fd_hex(fd, hex, NULL) == 0);
	sha256_hex(big, sizeof(big) - 5, want);
	CHECK(strcmp(hex, want) == 0);
	close(fd);
	CHECK(sha256_fd_hex(-1, hex, NULL) < 0);
}

/* RFC 3720, appendix B.4. */
TEST(crc32c_of_the_vectors_of_its_standard)
{
	uint8_t bytes[32];

	memset(bytes, 0, sizeof(bytes));
	CHECK(crc32c(0, bytes, 32) == 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	CHECK(crc32c(0, bytes, 32) == 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	CHECK(crc32c(0, bytes, 32) == 0x46dd794e);
	CHECK(crc32c(0, "123456789", 9) == 0xe3069283);
}

TEST(crc32c_can_be_taken_in_pieces_cut_anywhere)
{
	static const char text[] = "The quick brown fox jumps over the lazy dog";
	size_t n = sizeof(text) - 1;
	uint32_t whole = crc32c(0, text, n);

	for (size_t cut = 0; cut <= n; cut++)
		CHECK(crc32c(crc32c(0, text, cut), text + cut, n - cut) == whole);
}

TEST(ids_are_of_their_alphabet_and_do_not_repeat)
{
	char ids[200][ID_LEN + 1];

	for (size_t i = 0; i < 200; i++) {
		random_id(ids[i]);
		CHECK(strlen(ids[i]) == ID_LEN);
		CHECK(strspn(ids[i], "0123456789abcdefghjkmnpqrstvwxyz") == ID_LEN);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(ids[i], ids[k]) != 0);
	}
}

TEST(hexadecimal_is_lower_case)
{
	char hex[9];

	hex_write((const uint8_t *)"\x00\xab\xcd\xff", 4, hex);
	CHECK(strcmp(hex, "00abcdff") == 0);
}

TEST(the_monotonic_clock_does_not_go_back_and_the_wall_clock_is_of_this_century)
{
	uint64_t before = clock_mono_usec();

	CHECK(clock_mono_usec() >= before);
	CHECK(clock_wall_usec() > 1600000000ull * USEC_PER_SEC);
	CHECK(clock_cpu_usec() < 3600 * USEC_PER_SEC);
}

TEST_MAIN()
