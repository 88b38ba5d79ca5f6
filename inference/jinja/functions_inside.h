/* What the files of functions share: their parts of the table in functions.c, and how they come by
 * arguments and results. For this folder. */
#pragma once

#include "inference/jinja/functions.h"

/* The argument of this keyword, or in this place. NULL: not given. */
json_t *function_arg(const struct args *args, size_t place, const char *name);

/* The same where it names the items' attributes. NULL with words where it is too long to be looked
 * up in each of them. */
json_t *function_attribute(
	struct run *run, const struct args *args, size_t place, const char *name);

/* v where it is a text; else NULL, with words. */
json_t *function_need_text(struct run *run, const json_t *v, const char *what);

/* v; NULL, with words, where there was no memory for it. */
json_t *function_made(struct run *run, json_t *v);

/* The list that Python would go through: items, keys, characters. */
json_t *function_list(struct run *run, json_t *a);

/* What was written to text, or with r < 0 the words for why it was not. */
json_t *function_text(struct run *run, const struct buf *text, int r);

/* Texts and numbers: functions_text.c. */
json_t *fn_trim(struct run *run, json_t *a, const struct args *args);
json_t *fn_lstrip(struct run *run, json_t *a, const struct args *args);
json_t *fn_rstrip(struct run *run, json_t *a, const struct args *args);
json_t *fn_lower(struct run *run, json_t *a, const struct args *args);
json_t *fn_upper(struct run *run, json_t *a, const struct args *args);
json_t *fn_capitalize(struct run *run, json_t *a, const struct args *args);
json_t *fn_title(struct run *run, json_t *a, const struct args *args);
json_t *fn_startswith(struct run *run, json_t *a, const struct args *args);
json_t *fn_endswith(struct run *run, json_t *a, const struct args *args);
json_t *fn_replace(struct run *run, json_t *a, const struct args *args);
json_t *fn_split(struct run *run, json_t *a, const struct args *args);
json_t *fn_find(struct run *run, json_t *a, const struct args *args);
json_t *fn_string(struct run *run, json_t *a, const struct args *args);
json_t *fn_tojson(struct run *run, json_t *a, const struct args *args);
json_t *fn_indent(struct run *run, json_t *a, const struct args *args);
json_t *fn_int(struct run *run, json_t *a, const struct args *args);
json_t *fn_float(struct run *run, json_t *a, const struct args *args);
json_t *fn_abs(struct run *run, json_t *a, const struct args *args);

/* Lists and objects: functions_list.c. */
json_t *fn_length(struct run *run, json_t *a, const struct args *args);
json_t *fn_list(struct run *run, json_t *a, const struct args *args);
json_t *fn_first(struct run *run, json_t *a, const struct args *args);
json_t *fn_last(struct run *run, json_t *a, const struct args *args);
json_t *fn_reverse(struct run *run, json_t *a, const struct args *args);
json_t *fn_join(struct run *run, json_t *a, const struct args *args);
json_t *fn_join_method(struct run *run, json_t *a, const struct args *args);
json_t *fn_items(struct run *run, json_t *a, const struct args *args);
json_t *fn_keys(struct run *run, json_t *a, const struct args *args);
json_t *fn_values(struct run *run, json_t *a, const struct args *args);
json_t *fn_get(struct run *run, json_t *a, const struct args *args);
json_t *fn_append(struct run *run, json_t *a, const struct args *args);
json_t *fn_map(struct run *run, json_t *a, const struct args *args);
json_t *fn_select(struct run *run, json_t *a, const struct args *args);
json_t *fn_reject(struct run *run, json_t *a, const struct args *args);
json_t *fn_selectattr(struct run *run, json_t *a, const struct args *args);
json_t *fn_rejectattr(struct run *run, json_t *a, const struct args *args);
json_t *fn_unique(struct run *run, json_t *a, const struct args *args);
json_t *fn_sort(struct run *run, json_t *a, const struct args *args);
json_t *fn_dictsort(struct run *run, json_t *a, const struct args *args);
json_t *fn_default(struct run *run, json_t *a, const struct args *args);
json_t *fn_same(struct run *run, json_t *a, const struct args *args);
