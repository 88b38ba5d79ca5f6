/*
 * A model's folder opened: the same parts whatever its format.
 *
 * Either a Hugging Face folder (config.json, tokenizer.json, safetensors) or one that holds a GGUF
 * file, whose metadata are put into the same words. Knows no architecture and no tokenizer.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/formats/weights.h"

#define FOLDER_JSON_MAX (1u << 20)       /* bytes of a config */
#define FOLDER_TOKENIZER_MAX (64u << 20) /* bytes of a tokenizer.json */

struct folder {
	int fd;                  /* owned; to read more files from */
	json_t *config;          /* owned; config.json */
	json_t *tokenizer;       /* owned; tokenizer.json; NULL: there is none */
	json_t *tokens;          /* owned; tokenizer_config.json; NULL: there is none */
	json_t *generation;      /* owned; generation_config.json; NULL: there is none */
	struct weights *weights; /* owned */
};

/*
 * Opens a folder; the tensors' bytes are not read yet. *ret may be filled in part where it fails,
 * and is to be done with in any case. -ENOENT: a file that must be there is not, by name. Errors of
 * weights_open and gguf_open, and with the file's name those of json_parse.
 */
int folder_open(int dirfd, const char *path, struct folder *ret, struct err *e);
void folder_done(struct folder *f);

/* Reads one more JSON object of the folder. -ENOENT: it is not there. Caller owns *ret. */
int folder_json(const struct folder *f, const char *name, size_t max, json_t **ret, struct err *e);

/* Whether there is a config.json or a GGUF file in it. */
bool folder_is_model(int dirfd, const char *path);
