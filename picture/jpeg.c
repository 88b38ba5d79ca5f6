#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "picture/exif.h"
#include "picture/format.h"
#include "picture/picture.h"

#define SCANS_MAX 64 /* a progressive file has about 10; each costs time for all pixels */
#define EXIF_MARK (JPEG_APP0 + 1)
#define MEMORY_MAX (4l * PICTURE_WHOLE_MAX) /* that libjpeg may ask for */

struct jpeg {
	struct jpeg_decompress_struct info;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf out;
	bool made;      /* info is to be destroyed */
	bool started;   /* its rows are being read */
	bool too_large; /* in memory, rather than damaged */
	uint8_t *cmyk;  /* owned; a row of 4 inks */
	uint8_t *row;   /* owned */
	char words[JMSG_LENGTH_MAX];
};

static int is_jpeg(const uint8_t *bytes, size_t n)
{
	return n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

static _Noreturn void on_error(j_common_ptr info)
{
	struct jpeg *j = info->client_data;

	/* The second: a progressive file over the memory that it may have. */
	j->too_large = info->err->msg_code == JERR_OUT_OF_MEMORY ||
		       info->err->msg_code == JERR_NO_BACKING_STORE;
	info->err->format_message(info, j->words);
	longjmp(j->out, 1);
}

/* A file that ends too early would be gray from there on. Other warnings pass, as in PIL. */
static void on_message(j_common_ptr info, int level)
{
	if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF)
		on_error(info);
}

static void on_progress(j_common_ptr info)
{
	struct jpeg *j = info->client_data;

	if (!info->is_decompressor || j->info.input_scan_number <= SCANS_MAX)
		return;
	(void)snprintf(j->words, sizeof(j->words), "it has over %d scans", SCANS_MAX);
	longjmp(j->out, 1);
}

static int failed(const struct jpeg *j, struct err *e)
{
	if (j->too_large)
		return err_set(e, -EFBIG, "there is not enough memory for this JPEG; %s",
			"one that is not progressive, or smaller, needs less");
	return err_set(e, -EBADMSG, "the JPEG is damaged: %.120s", j->words);
}

static void close_jpeg(void *own)
{
	struct jpeg *j = own;

	if (j->made)
		jpeg_destroy_decompress(&j->info);
	free(j->cmyk);
	free(j->row);
	free(j);
}

/* Inside the caller's setjmp. */
static int read_head(struct jpeg *j, const uint8_t *bytes, size_t n, struct err *e)
{
	bool progressive;
	int r;

	j->made = true;
	jpeg_create_decompress(&j->info);
	j->info.client_data = j;
	j->info.mem->max_memory_to_use = MEMORY_MAX;
	j->progress.progress_monitor = on_progress;
	j->info.progress = &j->progress;
	jpeg_mem_src(&j->info, bytes, n);
	jpeg_save_markers(&j->info, EXIF_MARK, 0xffff);
	(void)jpeg_read_header(&j->info, TRUE);
	progressive = jpeg_has_multiple_scans(&j->info);
	r = format_check_size(j->info.image_width, j->info.image_height,
		progressive ? PICTURE_WHOLE_MAX : PICTURE_PIXELS_MAX,
		progressive ? "the progressive JPEG" : "the picture", e);
	if (r < 0)
		return r;
	if (j->info.jpeg_color_space == JCS_CMYK || j->info.jpeg_color_space == JCS_YCCK)
		j->info.out_color_space = JCS_CMYK;
	else
		j->info.out_color_space = JCS_RGB;
	j->info.dct_method = JDCT_ISLOW;
	return 0;
}

static unsigned int orientation(const struct jpeg *j)
{
	for (jpeg_saved_marker_ptr m = j->info.marker_list; m; m = m->next)
		if (m->marker == EXIF_MARK)
			return exif_orientation(m->data, m->data_length);
	return 1;
}

static int make_rows(struct jpeg *j, struct err *e)
{
	j->row = malloc((size_t)j->info.image_width * 3);
	if (j->info.out_color_space == JCS_CMYK)
		j->cmyk = malloc((size_t)j->info.image_width * 4);
	if (!j->row || (j->info.out_color_space == JCS_CMYK && !j->cmyk))
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

static int open_jpeg(
	const uint8_t *bytes, size_t n, struct format_head *head, void **ret, struct err *e)
{
	struct jpeg *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_set(e, -ENOMEM, "out of memory");
	j->info.err = jpeg_std_error(&j->errors);
	j->errors.error_exit = on_error;
	j->errors.emit_message = on_message;
	j->info.client_data = j;
	r = setjmp(j->out) ? failed(j, e) : read_head(j, bytes, n, e);
	if (r == 0)
		r = make_rows(j, e);
	if (r < 0) {
		close_jpeg(j);
		return r;
	}
	head->width = j->info.image_width;
	head->height = j->info.image_height;
	head->orientation = orientation(j);
	*ret = j;
	return 0;
}

/* Four inks to RGB, as PIL: Adobe's programs write them inverted. */
static void mix_inks(const struct jpeg *j)
{
	int flip = j->info.saw_Adobe_marker ? 255 : 0;

	for (size_t x = 0; x < j->info.image_width; x++) {
		const uint8_t *ink = j->cmyk + x * 4;
		int light = 255 - (ink[3] ^ flip);

		for (int i = 0; i < 3; i++) {
			int t = (ink[i] ^ flip) * light + 128;

			j->row[x * 3 + (size_t)i] = (uint8_t)(light - ((t + (t >> 8)) >> 8));
		}
	}
}

static int next_row(void *own, const uint8_t **ret, struct err *e)
{
	struct jpeg *j = own;
	JSAMPROW rows[] = {j->cmyk ? j->cmyk : j->row};

	if (setjmp(j->out))
		return failed(j, e);
	if (!j->started) {
		j->started = true;
		(void)jpeg_start_decompress(&j->info);
	}
	(void)jpeg_read_scanlines(&j->info, rows, 1);
	if (j->cmyk)
		mix_inks(j);
	*ret = j->row;
	return 0;
}

const struct format format_jpeg = {
	.name = "JPEG", .is = is_jpeg, .open = open_jpeg, .row = next_row, .close = close_jpeg};
