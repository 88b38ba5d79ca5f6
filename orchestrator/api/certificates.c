#include "orchestrator/api/certificates.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "orchestrator/api/request.h"

#define FILE_MAX (1u << 20)

static json_t *read_told(const struct world *w)
{
	CLEANUP(buf_done) struct buf text;
	struct err e = {0};
	json_t *o = NULL;

	buf_init(&text, FILE_MAX);
	if (w->certificates && fs_read(AT_FDCWD, w->certificates, &text, &e) == 0)
		(void)json_parse(text.data, text.len, FILE_MAX, &o, &e);
	return o;
}

static json_t *time_or_null(int64_t sec)
{
	return sec ? json_time(sec * (int64_t)USEC_PER_SEC) : json_null();
}

static void add_problem(json_t *problems, const char *host, const char *words, const json_t *next)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%.253s got no certificate: %.180s; next try at %s",
		host, words, json_is_string(next) ? json_string_value(next) : "the next start");
	(void)json_array_append_new(problems, json_words(text));
}

json_t *list_certificates(const struct world *w, json_t *problems)
{
	CLEANUP(json_unrefp) json_t *told = read_told(w);
	json_t *list = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(told, "hosts"), i, one)
	{
		const char *host, *words;
		int64_t until, next;
		struct err e = {0};
		json_t *o;

		if (json_get_str(one, "host", 253, &host, &e) < 0 ||
			json_opt_str(one, "words", 200, "", &words, &e) < 0 ||
			json_opt_int(one, "until", 0, INT64_MAX, 0, &until, &e) < 0 ||
			json_opt_int(one, "next", 0, INT64_MAX, 0, &next, &e) < 0)
			continue;
		o = json_pack("{s:s, s:b, s:o, s:o, s:o}", "host", host, "custom",
			json_is_true(json_object_get(one, "custom")), "until", time_or_null(until),
			"words", json_words(words), "next", time_or_null(next));
		if (*words)
			add_problem(problems, host, words, json_object_get(o, "next"));
		(void)json_array_append_new(list, o);
	}
	return list;
}
