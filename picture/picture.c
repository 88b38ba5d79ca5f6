#include "picture/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "picture/format.h"

#define WEIGHED_MAX (1u << 18) /* pixels of the two sides that the result is made of */

struct picture {
	const struct format *format;
	void *own; /* the format's */
	struct resampler *resampler;
	uint32_t rows, at;
	unsigned int orientation;
	struct picture_form form;
	uint8_t *turned; /* owned; the result when it had to be turned */
};

static const struct format *const formats[] = {&format_png, &format_jpeg};

int format_check_size(
	uint32_t width, uint32_t height, uint32_t max, const char *what, struct err *e)
{
	if (width == 0 || height == 0)
		return err_set(e, -EBADMSG, "the picture is damaged: it has no size");
	if ((uint64_t)width * height > max)
		return err_set(e, -EFBIG, "%s has %u × %u pixels, the limit is %u million", what,
			width, height, max / 1000000);
	return 0;
}

int picture_form_check(const struct picture_form *f, struct err *e)
{
	if (f->width < 1 || f->width > PICTURE_RESULT_MAX || f->height < 1 ||
		f->height > PICTURE_RESULT_MAX)
		return err_set(e, -EINVAL, "a width and height from 1 to %d are needed",
			PICTURE_RESULT_MAX);
	if (f->shortest > 2 * PICTURE_RESULT_MAX ||
		(f->shortest && (f->shortest < f->width || f->shortest < f->height)))
		return err_set(
			e, -EINVAL, "the shorter side is smaller than what is cut out of it");
	if (!resample_filter_known(f->filter))
		return err_set(e, -EINVAL, "there is no filter %d", (int)f->filter);
	return 0;
}

/* --- geometry --- */

/* Exif's orientations 5 to 8 exchange rows and columns. */
static int swaps(unsigned int orientation)
{
	return orientation >= 5;
}

/* Whether the upright picture runs against the file's columns (rows) there. */
static int mirrors_x(unsigned int o)
{
	return o == 2 || o == 3 || o == 7 || o == 8;
}

static int mirrors_y(unsigned int o)
{
	return o == 3 || o == 4 || o == 6 || o == 7;
}

static void exchange(uint32_t *a, uint32_t *b)
{
	uint32_t t = *a;

	*a = *b;
	*b = t;
}

/* What is too large to be said is larger than begin() lets pass. */
static uint32_t in_proportion(uint64_t side, uint32_t longer, uint32_t shorter)
{
	uint64_t n = side * longer / shorter;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* The plan in the file's own rows and columns; it is turned upright when it is small. */
static struct resample_plan plan_of(const struct picture_form *f, const struct format_head *head)
{
	struct resample_plan p = {.in_width = head->width,
		.in_height = head->height,
		.width = f->width,
		.height = f->height,
		.cut_w = f->width,
		.cut_h = f->height,
		.filter = f->filter};
	uint32_t w = head->width, h = head->height;

	if (swaps(head->orientation))
		exchange(&w, &h);
	if (f->shortest) {
		p.width = w <= h ? f->shortest : in_proportion(f->shortest, w, h);
		p.height = w <= h ? in_proportion(f->shortest, h, w) : f->shortest;
		p.x = (p.width - f->width) / 2;
		p.y = (p.height - f->height) / 2;
	}
	if (swaps(head->orientation)) {
		exchange(&p.width, &p.height);
		exchange(&p.x, &p.y);
		exchange(&p.cut_w, &p.cut_h);
	}
	if (mirrors_x(head->orientation))
		p.x = p.width - p.x - p.cut_w;
	if (mirrors_y(head->orientation))
		p.y = p.height - p.y - p.cut_h;
	return p;
}

/* The small result upright: pixel (x, y) comes from where the orientation put it. */
static void turn(const struct picture *p, const uint8_t *from, uint8_t *to)
{
	uint32_t w = p->form.width, h = p->form.height;
	uint32_t fw = swaps(p->orientation) ? h : w, fh = swaps(p->orientation) ? w : h;

	for (uint32_t y = 0; y < h; y++)
		for (uint32_t x = 0; x < w; x++, to += 3) {
			uint32_t fx = swaps(p->orientation) ? y : x;
			uint32_t fy = swaps(p->orientation) ? x : y;

			if (mirrors_x(p->orientation))
				fx = fw - 1 - fx;
			if (mirrors_y(p->orientation))
				fy = fh - 1 - fy;
			memcpy(to, from + ((size_t)fy * fw + fx) * 3, 3);
		}
}

/* --- pictures --- */

static int begin(struct picture *p, const struct format_head *head, struct err *e)
{
	struct resample_plan plan = plan_of(&p->form, head);
	uint64_t longer = (uint64_t)plan.width * plan.height;
	int r;

	/* A line of a picture has no proportion that a model could use, and each of its pixels has
	 * a weight that takes memory. */
	if (longer > 64ull * PICTURE_RESULT_MAX * PICTURE_RESULT_MAX ||
		(uint64_t)plan.cut_w * plan.in_width / plan.width +
				(uint64_t)plan.cut_h * plan.in_height / plan.height >
			WEIGHED_MAX)
		return err_set(e, -EFBIG, "the picture is %u × %u pixels, too long for its width",
			head->width, head->height);
	p->rows = head->height;
	p->orientation = head->orientation;
	r = resampler_new(&plan, &p->resampler);
	if (r == 0 && p->orientation > 1) {
		p->turned = malloc((size_t)p->form.width * p->form.height * 3);
		r = p->turned ? 0 : -ENOMEM;
	}
	return r < 0 ? err_set(e, r, "there is not enough memory for this picture") : 0;
}

static int open_file(struct picture *p, const uint8_t *bytes, size_t n, struct err *e)
{
	struct format_head head = {.orientation = 1};
	int r;

	if (n > PICTURE_BYTES_MAX)
		return err_set(e, -EFBIG, "the picture has %.1f MiB, the limit is %u",
			(double)n / (1 << 20), PICTURE_BYTES_MAX >> 20);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i]->is(bytes, n))
			p->format = formats[i];
	if (!p->format)
		return err_set(e, -ENOTSUP, "the picture is neither a PNG nor a JPEG");
	r = p->format->open(bytes, n, &head, &p->own, e);
	return r < 0 ? r : begin(p, &head, e);
}

int picture_open(const uint8_t *bytes, size_t n, const struct picture_form *form,
	struct picture **ret, struct err *e)
{
	CLEANUP(picture_freep) struct picture *p = NULL;
	int r = picture_form_check(form, e);

	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->form = *form;
	r = open_file(p, bytes, n, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

int picture_read(struct picture *p, uint32_t rows, struct err *e)
{
	for (; p->at < p->rows && rows > 0; rows--, p->at++) {
		const uint8_t *row;
		int r = p->format->row(p->own, &row, e);

		if (r < 0)
			return r;
		resampler_row(p->resampler, row);
	}
	if (p->at < p->rows)
		return 0;
	if (p->turned)
		turn(p, resampler_result(p->resampler), p->turned);
	return 1;
}

const uint8_t *picture_rgb(const struct picture *p)
{
	return p->turned ? p->turned : resampler_result(p->resampler);
}

struct picture *picture_free(struct picture *p)
{
	if (!p)
		return NULL;
	if (p->own)
		p->format->close(p->own);
	(void)resampler_free(p->resampler);
	free(p->turned);
	free(p);
	return NULL;
}

int picture_from_gray(const uint8_t *gray, uint32_t width, uint32_t height,
	const struct picture_form *form, struct picture **ret, struct err *e)
{
	CLEANUP(picture_freep) struct picture *p = NULL;
	CLEANUP(freep) uint8_t *row = NULL;
	struct format_head head = {width, height, 1};
	int r = picture_form_check(form, e);

	if (r == 0)
		r = format_check_size(width, height, PICTURE_PIXELS_MAX, "the drawing", e);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	row = malloc((size_t)width * 3);
	if (!p || !row)
		return err_set(e, -ENOMEM, "out of memory");
	p->form = *form;
	r = begin(p, &head, e);
	if (r < 0)
		return r;
	for (; p->at < height; p->at++) {
		for (uint32_t x = 0; x < width; x++)
			memset(row + (size_t)x * 3, gray[(size_t)p->at * width + x], 3);
		resampler_row(p->resampler, row);
	}
	*ret = TAKE_PTR(p);
	return 0;
}
