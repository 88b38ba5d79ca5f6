#include "inference/formats/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "tests/support/test.h"

/* A file of this header and n bytes of data. */
static size_t make(uint8_t *file, const char *header, size_t n)
{
	size_t length = strlen(header);

	for (int i = 0; i < 8; i++)
		file[i] = (uint8_t)(length >> (8 * i));
	memcpy(file + 8, header, length);
	for (size_t i = 0; i < n; i++)
		file[8 + length + i] = (uint8_t)i;
	return 8 + length + n;
}

/* Spaces after the header, so that the data begins at a multiple of 8. */
static size_t make_padded(uint8_t *file, const char *header, size_t n)
{
	char padded[1024];

	snprintf(padded, sizeof(padded), "%s%*s", header,
		header[0] ? (int)(-strlen(header) & 7) : 0, "");
	return make(file, padded, n);
}

static struct safetensors *read_good(const char *header, size_t n)
{
	static uint8_t file[4096] __attribute__((aligned(8)));
	struct safetensors *s = NULL;
	struct err e = {0};
	int r = safetensors_read(file, make_padded(file, header, n), &s, &e);

	if (r < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(r == 0);
	return s;
}

TEST(a_good_file_gives_its_tensors)
{
	struct safetensors *s =
		read_good("{\"__metadata__\":{\"format\":\"pt\"},"
			  "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
			  "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} ",
			20);
	const struct tensor *b = safetensors_find(s, "b");

	CHECK(safetensors_count(s) == 2);
	CHECK(b && b->n_dims == 2 && b->dims[1] == 3 && b->type == TENSOR_BF16);
	CHECK(b->bytes[0] == 8);
	CHECK(!safetensors_find(s, "c") && !safetensors_find(s, "__metadata__"));
	safetensors_free(s);
}

TEST(scalars_empty_tensors_and_other_types_are_known)
{
	struct safetensors *s =
		read_good("{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
			  "\"e\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[4,4]},"
			  "\"i\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
			8);

	CHECK(safetensors_find(s, "s")->count == 1);
	CHECK(safetensors_find(s, "e")->count == 0);
	CHECK(safetensors_find(s, "i")->type == TENSOR_OTHER);
	safetensors_free(s);
}

#define T(type, shape, offsets)                                                                    \
	"{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct hostile {
	const char *header;
	size_t data;
	const char *words;
} hostile[] = {
	{"", 0, "must begin with '{'"},
	{"[1]", 0, "must begin with '{'"},
	{"{\"a\":", 0, "JSON"},
	{"{\"a\":1}", 0, "must be an object"},
	{"{\"a\":{}}", 0, "dtype: missing"},
	{"{\"a\":" T("F128", "[1]", "[0,4]") "}", 4, "'F128' is not known"},
	{"{\"a\":" T("F32", "4", "[0,4]") "}", 4, "shape: must be an array"},
	{"{\"a\":" T("F32", "[-1]", "[0,4]") "}", 4, "whole numbers"},
	{"{\"a\":" T("F32", "[1.5]", "[0,4]") "}", 4, "whole numbers"},
	{"{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "9 dimensions"},
	{"{\"a\":" T("F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "overflows"},
	{"{\"a\":" T("F32", "[9223372036854775807]", "[0,4]") "}", 4, "do not fit"},
	{"{\"a\":" T("F32", "[2]", "[0,4]") "}", 4, "do not fit"},
	{"{\"a\":" T("F32", "[1]", "[0,8]") "}", 4, "outside the file"},
	{"{\"a\":" T("F32", "[1]", "[8,4]") "}", 8, "outside the file"},
	{"{\"a\":" T("F32", "[1]", "[0]") "}", 4, "two whole numbers"},
	{"{\"a\":" T("F32", "[1]", "[-4,0]") "}", 4, "two whole numbers"},
	{"{\"a\":" T("F32", "[1]", "\"0,4\"") "}", 4, "two whole numbers"},
	{"{\"a\":" T("F32", "[1]", "[0,4]") ",\"a\":" T("F32", "[1]", "[0,4]") "}", 4, "duplicate"},
	{"{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("F32", "[1]", "[0,4]") "}", 4, "overlaps"},
	{"{\"a\":" T("F32", "[1]", "[4,8]") "}  ", 8, "bytes before"},
	{"{\"a\":" T("F32", "[1]", "[0,4]") "}  ", 8, "bytes after"},
	{"{}", 4, "bytes after"},
};

TEST(hostile_headers_are_refused_with_words)
{
	uint8_t file[4096] __attribute__((aligned(8)));

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct safetensors *s = NULL;
		struct err e = {0};
		int r = safetensors_read(
			file, make_padded(file, hostile[i].header, hostile[i].data), &s, &e);

		if (r >= 0 || !strstr(e.text, hostile[i].words))
			fprintf(stderr, "%s: %d '%s'\n", hostile[i].header, r, e.text);
		CHECK(r < 0 && !s && strstr(e.text, hostile[i].words));
	}
}

TEST(a_tensor_off_its_alignment_is_refused)
{
	uint8_t file[256];
	struct safetensors *s = NULL;
	struct err e = {0};
	size_t n = make(
		file, "{\"a\":" T("I8", "[1]", "[0,1]") ",\"b\":" T("F32", "[1]", "[1,5]") "}", 5);

	CHECK(safetensors_read(file, n, &s, &e) == -EBADMSG);
	CHECK(strstr(e.text, "not aligned"));
}

TEST(lengths_that_lie_are_refused)
{
	static const uint8_t short_file[] = {1, 0, 0};
	static const uint8_t long_header[] = {200, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
	static const uint8_t huge_header[] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'};
	struct safetensors *s = NULL;
	struct err e = {0};

	CHECK(safetensors_read(short_file, sizeof(short_file), &s, NULL) == -EBADMSG);
	CHECK(safetensors_read(long_header, sizeof(long_header), &s, NULL) == -EBADMSG);
	CHECK(safetensors_read(huge_header, sizeof(huge_header), &s, &e) == -EMSGSIZE);
	CHECK(strstr(e.text, "the limit is"));
}

/* Weights far behind the header, so that the end lies on pages which the cut takes away. */
TEST(a_file_cut_short_after_opening_keeps_its_tensors)
{
	enum { BYTES = 1 << 20 };
	static uint8_t file[BYTES + 256] __attribute__((aligned(8)));
	char path[] = "/tmp/vitrine-cut-XXXXXX";
	int fd = mkstemp(path);
	struct safetensors *s = NULL;
	struct err e = {0};
	size_t n = make_padded(file, "{\"a\":" T("U8", "[1048576]", "[0,1048576]") "}", BYTES);

	CHECK(fd >= 0 && write(fd, file, n) == (ssize_t)n);
	CHECK(safetensors_open(AT_FDCWD, path, &s, &e) == 0);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(!memcmp(safetensors_find(s, "a")->bytes, file + n - BYTES, BYTES));
	safetensors_free(s);
	s = NULL;
	CHECK(safetensors_open(AT_FDCWD, path, &s, &e) == -EBADMSG && !s);
	CHECK(strstr(e.text, "no file of weights"));
	CHECK(pwrite(fd, file, n / 2, 0) == (ssize_t)(n / 2));
	CHECK(safetensors_open(AT_FDCWD, path, &s, &e) == -EBADMSG && !s);
	CHECK(strstr(e.text, "outside the file"));
	close(fd);
	(void)unlink(path);
}

TEST(halves_widen_exactly)
{
	static const struct {
		uint16_t bits;
		float value;
	} f16[] = {{0x3c00, 1}, {0xc000, -2}, {0x7bff, 65504}, {0x0400, 0x1p-14f},
		{0x0001, 0x1p-24f}, {0x83ff, -1023 * 0x1p-24f}, {0x8000, -0.0f},
		{0x3555, 0.333251953125f}},
	  bf16[] = {{0x3f80, 1}, {0xc000, -2}, {0x0001, 0x1p-133f}, {0x7f7f, 0x1.fep127f}};
	struct tensor t = {.count = 1};

	t.type = TENSOR_F16;
	for (size_t i = 0; i < sizeof(f16) / sizeof(f16[0]); i++) {
		t.bytes = (const uint8_t *)&f16[i].bits;
		CHECK(tensor_at(&t, 0) == f16[i].value);
	}
	t.bytes = (const uint8_t *)&(uint16_t){0x7c00};
	CHECK(isinf(tensor_at(&t, 0)));
	t.bytes = (const uint8_t *)&(uint16_t){0x7e00};
	CHECK(isnan(tensor_at(&t, 0)));
	t.type = TENSOR_BF16;
	for (size_t i = 0; i < sizeof(bf16) / sizeof(bf16[0]); i++) {
		t.bytes = (const uint8_t *)&bf16[i].bits;
		CHECK(tensor_at(&t, 0) == bf16[i].value);
	}
}

TEST_MAIN()
