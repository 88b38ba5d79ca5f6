#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "picture/format.h"
#include "picture/picture.h"

#define CHUNK_MAX (1u << 20) /* bytes that one chunk of text or colour profile may unpack to */
#define CHUNKS_MAX 256

struct png {
	png_structp png;
	png_infop info;
	const uint8_t *bytes; /* borrowed */
	size_t n, at;
	uint32_t width, height, next;
	uint8_t *row;   /* owned */
	uint8_t *whole; /* owned; of an interlaced one, all rows */
	char words[96]; /* of the error that ended it */
};

static int is_png(const uint8_t *bytes, size_t n)
{
	return n >= 8 && png_sig_cmp((png_const_bytep)bytes, 0, 8) == 0;
}

static void take(png_structp png, png_bytep to, size_t n)
{
	struct png *p = png_get_io_ptr(png);

	if (n > p->n - p->at)
		png_error(png, "it ends too early");
	memcpy(to, p->bytes + p->at, n);
	p->at += n;
}

static _Noreturn void on_error(png_structp png, png_const_charp words)
{
	struct png *p = png_get_error_ptr(png);

	(void)snprintf(p->words, sizeof(p->words), "%s", words);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp words)
{
	(void)png;
	(void)words;
}

static void close_png(void *own)
{
	struct png *p = own;

	png_destroy_read_struct(&p->png, &p->info, NULL);
	free(p->row);
	free(p->whole);
	free(p);
}

/* Whatever it is, as rows of 8-bit RGB. */
static void ask_for_rgb(struct png *p)
{
	png_set_expand(p->png);
	png_set_scale_16(p->png);
	png_set_strip_alpha(p->png);
	png_set_gray_to_rgb(p->png);
	if (png_set_interlace_handling(p->png) > 1)
		p->next = UINT32_MAX; /* until it is held whole */
	png_read_update_info(p->png, p->info);
}

/* Both run inside the caller's setjmp. */
static int read_head(struct png *p, struct err *e)
{
	int r;

	png_set_read_fn(p->png, p, take);
	png_set_user_limits(p->png, PICTURE_PIXELS_MAX, PICTURE_PIXELS_MAX);
	png_set_chunk_malloc_max(p->png, CHUNK_MAX);
	png_set_chunk_cache_max(p->png, CHUNKS_MAX);
	png_read_info(p->png, p->info);
	p->width = png_get_image_width(p->png, p->info);
	p->height = png_get_image_height(p->png, p->info);
	r = png_get_interlace_type(p->png, p->info) == PNG_INTERLACE_NONE
		    ? format_check_size(p->width, p->height, PICTURE_PIXELS_MAX, "the picture", e)
		    : format_check_size(
			      p->width, p->height, PICTURE_WHOLE_MAX, "the interlaced PNG", e);
	if (r < 0)
		return r;
	ask_for_rgb(p);
	if (png_get_rowbytes(p->png, p->info) != (size_t)p->width * 3)
		return err_set(e, -EBADMSG, "the PNG is damaged: its rows have another length");
	return 0;
}

static int read_whole(struct png *p, struct err *e)
{
	size_t stride = (size_t)p->width * 3;

	p->whole = calloc(p->height, stride);
	if (!p->whole)
		return err_set(e, -ENOMEM, "there is not enough memory for an interlaced PNG");
	for (int pass = 0; pass < 7; pass++)
		for (uint32_t y = 0; y < p->height; y++)
			png_read_row(p->png, p->whole + y * stride, NULL);
	p->next = 0;
	return 0;
}

static int damaged(const struct png *p, struct err *e)
{
	return err_set(e, -EBADMSG, "the PNG is damaged: %s", p->words);
}

static int open_png(
	const uint8_t *bytes, size_t n, struct format_head *head, void **ret, struct err *e)
{
	struct png *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->bytes = bytes;
	p->n = n;
	p->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, p, on_error, on_warning);
	p->info = p->png ? png_create_info_struct(p->png) : NULL;
	if (!p->info) {
		close_png(p);
		return err_set(e, -ENOMEM, "out of memory");
	}
	if (setjmp(png_jmpbuf(p->png)))
		r = damaged(p, e);
	else
		r = read_head(p, e);
	if (r == 0) {
		p->row = malloc((size_t)p->width * 3);
		r = p->row ? 0 : err_set(e, -ENOMEM, "out of memory");
	}
	if (r < 0) {
		close_png(p);
		return r;
	}
	head->width = p->width;
	head->height = p->height;
	*ret = p;
	return 0;
}

static int next_row(void *own, const uint8_t **ret, struct err *e)
{
	struct png *p = own;

	if (setjmp(png_jmpbuf(p->png)))
		return damaged(p, e);
	if (p->next == UINT32_MAX) {
		int r = read_whole(p, e);

		if (r < 0)
			return r;
	}
	*ret = p->row;
	if (p->whole)
		*ret = p->whole + (size_t)p->next++ * p->width * 3;
	else
		png_read_row(p->png, p->row, NULL);
	return 0;
}

const struct format format_png = {
	.name = "PNG", .is = is_png, .open = open_png, .row = next_row, .close = close_png};
