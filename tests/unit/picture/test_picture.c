/* known/ was made by make_known.py with PIL. */
#include "picture/picture.h"

#include <errno.h>

#include "base/buf.h"
#include "base/fs.h"
#include "tests/support/test.h"

#include <fcntl.h>

#define KNOWN "tests/unit/picture/known/"

static int folder = -1;

static struct buf file_of(const char *name)
{
	struct buf b;
	struct err e = {0};

	if (folder < 0)
		folder = open(KNOWN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_init(&b, 1 << 20);
	CHECK(fs_read(folder, name, &b, &e) == 0);
	return b;
}

static int decode(const void *bytes, size_t n, const struct picture_form *form,
	struct picture **ret, struct err *e)
{
	int r = picture_open(bytes, n, form, ret, e);

	while (r == 0)
		r = picture_read(*ret, 7, e);
	return r;
}

static const struct picture_form plain = {8, 8, 0, RESAMPLE_BILINEAR};

/* Where rows and columns are exchanged PIL rounds between its two passes the other way round. */
static int allowed(const char *name)
{
	return strstr(name, "turned5") || strstr(name, "turned6") || strstr(name, "turned7") ||
	       strstr(name, "turned8");
}

TEST(a_picture_comes_to_size_with_the_pixels_that_pil_makes)
{
	struct buf list = file_of("cases.txt");
	char *rest = NULL;
	size_t n = 0;

	CHECK(buf_add(&list, "", 1) == 0);
	for (char *line = strtok_r((char *)list.data, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest), n++) {
		char name[64], expected[64];
		unsigned int w, h, shortest, filter;
		struct picture *p = NULL;
		struct err e = {0};
		struct buf in, out;
		int worst = 0;

		CHECK(sscanf(line, "%63s %u %u %u %u %63s", name, &w, &h, &shortest, &filter,
			      expected) == 6);
		in = file_of(name);
		out = file_of(expected);
		CHECK(out.len == (size_t)w * h * 3);
		CHECK(decode(in.data, in.len, &(struct picture_form){w, h, shortest, filter}, &p,
			      &e) == 1);
		for (size_t i = 0; i < out.len; i++) {
			int off = abs(picture_rgb(p)[i] - out.data[i]);

			worst = off > worst ? off : worst;
		}
		if (worst > allowed(name))
			fprintf(stderr, "%s: %d levels off\n", line, worst);
		CHECK(worst <= allowed(name));
		picture_free(p);
		buf_done(&in);
		buf_done(&out);
	}
	CHECK(n >= 20);
	buf_done(&list);
}

TEST(a_drawing_of_gray_pixels_comes_to_size)
{
	const uint8_t gray[] = {0, 255, 255, 0};
	struct picture *p;
	struct err e = {0};

	CHECK(picture_from_gray(
		      gray, 2, 2, &(struct picture_form){2, 2, 0, RESAMPLE_BILINEAR}, &p, &e) == 0);
	CHECK(memcmp(picture_rgb(p), "\0\0\0\377\377\377\377\377\377\0\0\0", 12) == 0);
	picture_free(p);
}

static void refused(const void *bytes, size_t n, int code, const char *words)
{
	struct picture *p = NULL;
	struct err e = {0};
	int r = decode(bytes, n, &plain, &p, &e);

	if (r != code || !strstr(e.text, words))
		fprintf(stderr, "%d: %s\n", r, e.text);
	CHECK(r == code && strstr(e.text, words));
	picture_free(p);
}

TEST(what_is_no_picture_is_refused_by_name)
{
	refused("", 0, -ENOTSUP, "neither a PNG nor a JPEG");
	refused("GIF89a..........", 16, -ENOTSUP, "neither a PNG nor a JPEG");
	refused("\xff\xd8\xff", 3, -EBADMSG, "JPEG is damaged");
	refused("\x89PNG\r\n\x1a\n", 8, -EBADMSG, "PNG is damaged: it ends too early");
}

TEST(a_file_over_the_limit_is_refused_before_it_is_looked_at)
{
	/* Only its first bytes exist: nobody may look further. */
	refused("\x89PNG", 100u << 20, -EFBIG, "100.0 MiB, the limit is 32");
}

/* A PNG whose head says so many pixels; the sum of its chunk is right. */
static size_t png_of(uint8_t *at, const char *size_and_sum, uint8_t interlaced)
{
	memcpy(at, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
	memcpy(at + 16, size_and_sum, 8);
	memcpy(at + 24, "\10\2\0\0", 4);
	at[28] = interlaced;
	memcpy(at + 29, size_and_sum + 8, 4);
	memcpy(at + 33, "\0\0\0\1IDAT", 8);
	return 41;
}

TEST(more_pixels_than_the_limit_are_refused_before_anything_is_allocated)
{
	struct buf jpg = file_of("tall.jpg");
	uint8_t head[64];

	/* 10000 x 10000, with the sum that belongs to it. */
	refused(head, png_of(head, "\0\0\x27\x10\0\0\x27\x10\x35\x2c\xf5\x70", 0), -EFBIG,
		"10000 × 10000 pixels, the limit is 64 million");
	for (size_t i = 0; i + 9 < jpg.len; i++)
		if (jpg.data[i] == 0xff && jpg.data[i + 1] == 0xc0)
			memset(jpg.data + i + 5, 0xf0, 4);
	refused(jpg.data, jpg.len, -EFBIG, "61680 × 61680");
	buf_done(&jpg);
}

TEST(a_line_is_refused_however_long_its_other_side_would_be)
{
	/* In proportion it would be 2^32 + 192 rows. */
	const struct picture_form cut = {224, 224, 224, RESAMPLE_BILINEAR};
	struct picture *p = NULL;
	struct err e = {0};
	uint8_t head[64];
	/* 1 x 19173962, with the sum that belongs to it. */
	size_t n = png_of(head, "\x00\x00\x00\x01\x01\x24\x92\x4a\xe7\xf8\xb6\x8b", 0);

	CHECK(decode(head, n, &cut, &p, &e) == -EFBIG && strstr(e.text, "too long"));
	picture_free(p);
	p = NULL;
	CHECK(decode(head, n, &plain, &p, &e) == -EFBIG);
	picture_free(p);
}

TEST(a_file_that_ends_too_early_is_damaged)
{
	struct buf png = file_of("rgb.png"), jpg = file_of("tall.jpg");

	refused(png.data, png.len / 2, -EBADMSG, "PNG is damaged");
	refused(jpg.data, jpg.len / 2, -EBADMSG, "JPEG is damaged: Premature end");
	buf_done(&png);
	buf_done(&jpg);
}

TEST(a_form_that_no_picture_can_have_is_refused)
{
	const struct picture_form wrong[] = {{0, 8, 0, RESAMPLE_BILINEAR},
		{8, PICTURE_RESULT_MAX + 1, 0, RESAMPLE_BILINEAR}, {8, 8, 4, RESAMPLE_BILINEAR},
		{8, 8, 0, 0}, {8, 8, 0, 77}};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err e = {0};

		CHECK(picture_form_check(&wrong[i], &e) == -EINVAL && e.text[0]);
	}
}

TEST_MAIN()
