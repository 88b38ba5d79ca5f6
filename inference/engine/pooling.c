#include "inference/engine/pooling.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"

#define FILE_MAX (64u << 10)

/* -ENOENT: it is not there. */
static int read_file(int folder, const char *name, json_t **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	if (faccessat(folder, name, F_OK, 0) < 0)
		return -ENOENT;
	r = fs_read(folder, name, &text, e);
	if (r == 0)
		r = json_parse(text.data, text.len, FILE_MAX, ret, e);
	return r < 0 ? err_wrap(e, "%s", name) : 0;
}

/* Whether modules.json has a module whose type ends in name. */
static bool has_module(const json_t *modules, const char *name)
{
	const json_t *m;
	size_t i;

	json_array_foreach(modules, i, m)
	{
		const char *type = json_string_value(json_object_get(m, "type"));
		const char *dot = type ? strrchr(type, '.') : NULL;

		if (dot && !strcmp(dot + 1, name))
			return true;
	}
	return false;
}

/* One of the flags "pooling_mode_…" is true; newer ones have a name in "pooling_mode". */
static int read_mode(const json_t *config, enum pooling *ret, struct err *e)
{
	static const struct {
		const char *flag, *name;
		enum pooling pooling;
	} modes[] = {
		{"pooling_mode_mean_tokens", "mean", POOLING_MEAN},
		{"pooling_mode_cls_token", "cls", POOLING_CLS},
	};
	const char *name = json_string_value(json_object_get(config, "pooling_mode")), *flag;
	const json_t *v;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (name && !strcmp(name, modes[i].name)) {
			*ret = modes[i].pooling;
			return 0;
		}
	if (name)
		return err_set(e, -ENOTSUP, "pooling_mode '%.40s' is not supported", name);
	json_object_foreach((json_t *)config, flag, v)
	{
		size_t i = 0;

		if (strncmp(flag, "pooling_mode_", strlen("pooling_mode_")) != 0 ||
			!json_is_true(v))
			continue;
		while (i < sizeof(modes) / sizeof(modes[0]) && strcmp(flag, modes[i].flag) != 0)
			i++;
		if (i == sizeof(modes) / sizeof(modes[0]))
			return err_set(e, -ENOTSUP, "'%.60s' is not supported", flag);
		*ret = modes[i].pooling;
	}
	return 0;
}

int pooling_read(int folder, struct pooled *ret, struct err *e)
{
	CLEANUP(json_decrefp) json_t *modules = NULL;
	CLEANUP(json_decrefp) json_t *mode = NULL;
	CLEANUP(json_decrefp) json_t *limits = NULL;
	const json_t *tokens;
	int r;

	*ret = (struct pooled){.pooling = POOLING_MEAN};
	r = read_file(folder, "modules.json", &modules, e);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = read_file(folder, "1_Pooling/config.json", &mode, e);
	if (r == 0)
		r = read_mode(mode, &ret->pooling, e);
	if (r < 0 && r != -ENOENT)
		return err_wrap(e, "sentence-transformers");
	ret->normalize = has_module(modules, "Normalize");
	if (has_module(modules, "Dense"))
		return err_set(e, -ENOTSUP, "modules.json: the module Dense is not supported");
	r = read_file(folder, "sentence_bert_config.json", &limits, e);
	tokens = json_object_get(limits, "max_seq_length");
	if (json_is_integer(tokens) && json_integer_value(tokens) > 0 &&
		json_integer_value(tokens) < UINT32_MAX)
		ret->tokens = (uint32_t)json_integer_value(tokens);
	return r == -ENOENT ? 0 : r;
}

void pooling_normalize(float *x, size_t width)
{
	double sum = 0;
	float scale;

	for (size_t i = 0; i < width; i++)
		sum += (double)x[i] * (double)x[i];
	scale = (float)(1 / fmax(sqrt(sum), 1e-12)); /* as torch's normalize() */
	for (size_t i = 0; i < width; i++)
		x[i] *= scale;
}

void pooling_apply(const struct pooled *how, const float *x, size_t n, size_t width, float *ret)
{
	if (how->pooling == POOLING_CLS)
		n = 1;
	for (size_t c = 0; c < width; c++) {
		double sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += (double)x[i * width + c];
		ret[c] = (float)(sum / (double)n);
	}
	if (how->normalize)
		pooling_normalize(ret, width);
}
