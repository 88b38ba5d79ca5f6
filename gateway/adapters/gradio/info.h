/*
 * What Gradio's clients ask of a Space before they call it: ROOT/config and API/info, made of the
 * same functions that every page has. Pure: tables in, JSON out.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "gateway/call/function.h"

#define GRADIO_PREFIX "/gradio_api"
/* fn_index of the first function. Not 0: the JavaScript client takes 0 for a plain one. */
#define GRADIO_FIRST 1

struct gradio_about {
	const char
		*root; /* absolute, where this Space lies for whoever asks; no slash at its end */
	const char *title;
	const char *revision;  /* another one for another version of the functions */
	uint64_t upload_bytes; /* of one file */
};

/* NULL: out of memory. */
json_t *gradio_config(const struct gradio_about *about, const struct function_table *t);
json_t *gradio_info(const struct function_table *t);
