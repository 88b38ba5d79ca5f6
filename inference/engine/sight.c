#include "inference/engine/sight.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

#define SIDE_MAX 4096
#define BILINEAR 2
#define BICUBIC 3
#define FILTER_LAST 5

static int read_side(const json_t *v, uint32_t *ret)
{
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > SIDE_MAX)
		return -EBADMSG;
	*ret = (uint32_t)json_integer_value(v);
	return 0;
}

/* A number for both sides, or {height, width}. */
static int read_sides(
	const json_t *config, const char *key, uint32_t *width, uint32_t *height, struct err *e)
{
	const json_t *v = json_object_get(config, key);

	if (read_side(json_is_object(v) ? json_object_get(v, "width") : v, width) == 0 &&
		read_side(json_is_object(v) ? json_object_get(v, "height") : v, height) == 0)
		return 0;
	return err_set(e, -EBADMSG, "%s: must be 1 to %d, or an object with height and width", key,
		SIDE_MAX);
}

/* CLIP's processors mean the shorter side by a single number, the others both. */
static bool is_clip(const json_t *config)
{
	const char *keys[] = {"image_processor_type", "feature_extractor_type"};

	for (size_t i = 0; i < 2; i++) {
		const char *name = json_string_value(json_object_get(config, keys[i]));

		if (name && !strncmp(name, "CLIP", 4))
			return true;
	}
	return false;
}

static int read_size(const json_t *config, struct sight *s, struct err *e)
{
	const json_t *size = json_object_get(config, "size"), *shortest = size;

	if (!json_opt_bool(config, "do_resize", true))
		return err_set(e, -ENOTSUP, "do_resize: false is not supported");
	if (json_is_object(size))
		shortest = json_object_get(size, "shortest_edge");
	else if (!is_clip(config))
		shortest = NULL;
	if (!shortest) {
		int r = read_sides(config, "size", &s->width, &s->height, e);

		if (r == 0 && json_opt_bool(config, "do_center_crop", false))
			r = err_set(e, -ENOTSUP, "do_center_crop: needs a size of shortest_edge");
		return r;
	}
	if (read_side(shortest, &s->shortest) < 0)
		return err_set(e, -EBADMSG, "size.shortest_edge: must be 1 to %d", SIDE_MAX);
	if (!json_opt_bool(config, "do_center_crop", is_clip(config)))
		return err_set(e, -ENOTSUP, "do_center_crop: must be true with shortest_edge");
	return read_sides(config, "crop_size", &s->width, &s->height, e);
}

static int read_filter(const json_t *config, struct sight *s, struct err *e)
{
	int64_t filter;

	if (json_opt_int(config, "resample", 0, FILTER_LAST, is_clip(config) ? BICUBIC : BILINEAR,
		    &filter, e) < 0)
		return -EBADMSG;
	if (filter == 0)
		return err_set(e, -ENOTSUP, "resample: 0, nearest, is not supported");
	s->filter = (uint32_t)filter;
	return 0;
}

static int read_colour(
	const json_t *config, const char *key, size_t i, double min, double *ret, struct err *e)
{
	const json_t *v = json_object_get(config, key);

	if (json_is_array(v))
		v = json_array_get(v, i);
	*ret = json_number_value(v);
	if (json_is_number(v) && *ret >= min && *ret <= 1000)
		return 0;
	return err_set(e, -EBADMSG, "%s: must be three numbers from %g to 1000", key, min);
}

static int read_numbers(const json_t *config, struct sight *s, struct err *e)
{
	const json_t *factor = json_object_get(config, "rescale_factor");
	double scale = json_is_number(factor) ? json_number_value(factor) : 1.0 / 255;
	bool normal = json_opt_bool(config, "do_normalize", true);

	if (!json_opt_bool(config, "do_rescale", true))
		scale = 1;
	if (!(fabs(scale) <= 1000))
		return err_set(e, -EBADMSG, "rescale_factor: must be -1000 to 1000");
	for (size_t i = 0; i < 3; i++) {
		double mean = 0, deviation = 1;
		int r = normal ? read_colour(config, "image_mean", i, -1000, &mean, e) : 0;

		if (r == 0 && normal)
			r = read_colour(config, "image_std", i, 1e-6, &deviation, e);
		if (r < 0)
			return r;
		s->scale[i] = (float)(scale / deviation);
		s->shift[i] = (float)(-mean / deviation);
	}
	return 0;
}

int sight_read(
	const json_t *config, uint32_t width, uint32_t height, struct sight *ret, struct err *e)
{
	struct sight s = {0};
	int r = read_size(config, &s, e);

	if (r == 0)
		r = read_filter(config, &s, e);
	if (r == 0)
		r = read_numbers(config, &s, e);
	if (r < 0)
		return r;
	if (s.width != width || s.height != height)
		return err_set(e, -EBADMSG,
			"its pictures are %u × %u, those of config.json %u × %u", s.width, s.height,
			width, height);
	if (s.shortest && (s.shortest < s.width || s.shortest < s.height))
		return err_set(e, -ENOTSUP, "crop_size: must not be larger than shortest_edge");
	*ret = s;
	return 0;
}

void sight_numbers(const struct sight *s, const uint8_t *rgb, float *ret)
{
	size_t n = (size_t)s->width * s->height;

	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < 3; c++)
			ret[i * 3 + c] = (float)rgb[i * 3 + c] * s->scale[c] + s->shift[c];
}

json_t *sight_form(const struct sight *s)
{
	if (s->width == 0)
		return NULL;
	return json_pack("{s:I, s:I, s:I, s:I}", "width", (json_int_t)s->width, "height",
		(json_int_t)s->height, "shortest", (json_int_t)s->shortest, "filter",
		(json_int_t)s->filter);
}
