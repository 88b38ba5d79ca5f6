#include "orchestrator/repo/safetensors.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/support/test.h"

/* A file of this header with `data` bytes behind it, which are not looked at. */
static size_t make(uint8_t *file, const char *header, uint64_t length)
{
	for (int i = 0; i < 8; i++)
		file[i] = (uint8_t)(length >> 8 * i);
	memcpy(file + 8, header, strlen(header));
	return 8 + strlen(header);
}

static bool reads(const char *header, uint64_t data, const char *want)
{
	CLEANUP(json_unrefp) json_t *got = NULL, *expected = json_loads(want, 0, NULL);
	uint8_t file[4096];
	size_t n = make(file, header, strlen(header));

	return expected && safetensors_parse(file, n, n + data, 10, &got, NULL) == 0 &&
	       json_equal(got, expected);
}

static bool refuses(const char *header, uint64_t data, const char *words)
{
	json_t *got = NULL;
	uint8_t file[4096];
	struct err e = {0};
	size_t n = make(file, header, strlen(header));

	return safetensors_parse(file, n, n + data, 10, &got, &e) == -EINVAL && !got &&
	       strstr(e.text, words);
}

TEST(tensors_are_counted_by_their_type)
{
	CHECK(reads("{\"__metadata__\":{\"format\":\"pt\"},"
		    "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
		    "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
		    "\"c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[32,36]}}",
		36,
		"{\"parameters\":{\"F32\":7,\"BF16\":4},\"total\":11,\"count\":3,\"tensors\":["
		"{\"name\":\"a\",\"dtype\":\"F32\",\"shape\":[2,3],\"bytes\":24},"
		"{\"name\":\"b\",\"dtype\":\"BF16\",\"shape\":[4],\"bytes\":8},"
		"{\"name\":\"c\",\"dtype\":\"F32\",\"shape\":[],\"bytes\":4}],"
		"\"metadata\":{\"format\":\"pt\"}}"));
	CHECK(reads("{}", 0, "{\"parameters\":{},\"total\":0,\"count\":0,\"tensors\":[]}"));
}

TEST(a_header_that_lies_is_refused)
{
	CHECK(refuses(
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "outside"));
	CHECK(refuses(
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8, "shape"));
	CHECK(refuses(
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "outside"));
	CHECK(refuses(
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "outside"));
	CHECK(refuses(
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "shape"));
	CHECK(refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],"
		      "\"data_offsets\":[0,8]}}",
		8, "shape"));
	CHECK(refuses(
		"{\"a\":{\"dtype\":\"X9\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "type"));
	CHECK(refuses("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "type"));
	CHECK(refuses("{\"a\":7}", 8, "type") && refuses("[]", 8, "object"));
	CHECK(refuses("{\"a\":", 8, "JSON"));
	CHECK(refuses("{\"a\":{},\"a\":{}}", 8, "JSON"));
}

TEST(a_length_beyond_the_file_or_the_limit_is_refused)
{
	uint8_t file[64];
	json_t *got = NULL;

	CHECK(safetensors_parse("", 0, 0, 1, &got, NULL) == -EINVAL);
	CHECK(safetensors_parse("\2\0\0\0\0\0\0", 7, 7, 1, &got, NULL) == -EINVAL);
	(void)make(file, "{}", 3);
	CHECK(safetensors_parse(file, 10, 10, 1, &got, NULL) == -EINVAL);
	(void)make(file, "{}", UINT64_MAX);
	CHECK(safetensors_parse(file, 10, 10, 1, &got, NULL) == -EINVAL);
	(void)make(file, "{}", SAFETENSORS_HEADER_MAX + 1);
	CHECK(safetensors_parse(file, 10, 1ull << 40, 1, &got, NULL) == -EINVAL);
	(void)make(file, "{}", 20); /* a file that ends early */
	CHECK(safetensors_parse(file, 10, 1ull << 40, 1, &got, NULL) == -EINVAL);
}

TEST(a_file_is_read_no_further_than_its_header)
{
	const char *header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1000000000],"
			     "\"data_offsets\":[0,1000000000]}}";
	char path[] = "/tmp/vitrine-weights-XXXXXX";
	json_t *got = NULL;
	uint8_t file[256];
	size_t n = make(file, header, strlen(header));
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, file, n) == (ssize_t)n);
	CHECK(ftruncate(fd, (off_t)n + 1000000000) == 0);
	CHECK(safetensors_read(fd, n + 1000000000, 0, &got, NULL) == 0);
	CHECK(json_integer_value(json_object_get(got, "total")) == 1000000000);
	CHECK(json_array_size(json_object_get(got, "tensors")) == 0);
	json_decref(got);
	close(fd);
	CHECK(unlink(path) == 0);
}

TEST_MAIN()
