/*
 * The YAML between the two "---" lines at the top of a Space's README.md. The keys are those of
 * Hugging Face, so that a repo can live in both places, and a few of ours; a value that this
 * platform cannot honour is refused, an unknown key is only remarked upon.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Only files, for the visitor's browser: nothing of it runs here. */
#define FRONT_MATTER_STATIC "static"
#define FRONT_MATTER_MAX (16u << 10)
#define FRONT_MATTER_MODELS_MAX 32
#define FRONT_MATTER_MODEL_MAX 160
#define FRONT_MATTER_SLEEP_DEFAULT 300
#define FRONT_MATTER_REPLICAS_MAX 64
#define FRONT_MATTER_HTTP_MAX 4096 /* bytes, of all hosts; as in edge.ROUTE */

struct front_matter {
	char title[201];
	char emoji[33];
	char app_file[256];
	char class[17];
	char sdk[17]; /* "lua", FRONT_MATTER_STATIC, or one that runs on Hugging Face and not here
		       */
	int sdk_line; /* in README.md, from 1; 0: not named */
	int64_t sleep_sec;
	int64_t replicas; /* 0: as many as the operator allows */
	char models[FRONT_MATTER_MODELS_MAX][FRONT_MATTER_MODEL_MAX + 1];
	int model_lines[FRONT_MATTER_MODELS_MAX]; /* in README.md, from 1 */
	size_t n_models;
	char http[FRONT_MATTER_HTTP_MAX + 1]; /* hosts its app may speak HTTP with, with spaces */
	size_t n_http;
	int app_file_line; /* 0: not named, so the default */
	struct buf notes;  /* owned; "README.md:7: …\n" per remark */
};

/*
 * Reads a whole README.md. Without front matter everything has its default (title "", class
 * "small", sdk "lua", app_file "app.lua", of a static one
 * "index.html"). -EINVAL: words begin with "README.md:LINE: ". -ENOMEM.
 */
int front_matter_read(const char *readme, size_t n, struct front_matter *ret, struct err *e);

void front_matter_done(struct front_matter *f);
