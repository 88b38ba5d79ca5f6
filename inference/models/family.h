/*
 * A family of models: how a config.json and its weights become a network, and one step of it.
 *
 * A family is one file (llama.c, bert.c) that knows its tensors' names and its graph, and one row
 * in family.c. It computes only through struct device. Knows no text and no request.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/devices/device.h"
#include "inference/formats/weights.h"

#define NET_STEP_ROWS_MAX 256 /* rows of one decoder step */
#define FAMILY_NAMES_MAX 24
#define NET_LABELS_MAX 1000
#define NET_LABEL_MAX 128 /* bytes of a label */
#define NET_CONTEXT_MAX (1u << 17)
#define NET_PICTURE_MAX 572 /* width and height: what a CALL has room for */

struct net;

/* What an encoder reads in one step. */
struct batch {
	const uint32_t *ids, *types; /* types: of the tokens, 0 for a text; NULL: all 0 */
	const uint32_t *starts;      /* n + 1: the i-th sequence is ids[starts[i], starts[i + 1]) */
	size_t n;
	const uint32_t *wanted; /* indexes into ids, each once */
	size_t n_wanted;
	bool headless; /* hidden states are wanted */
};

/* What stands on an encoder's hidden states, and so what a row of encode() is. */
enum net_head {
	NET_HIDDEN,   /* nothing */
	NET_SEQUENCE, /* labels of a sequence, at its first token */
	NET_TOKENS,   /* labels of a token */
	NET_SPANS,    /* whether an answer begins at a token, and ends there */
	NET_WORDS,    /* every token of the vocabulary */
	NET_HEADS,
};

struct family {
	const char *architectures[FAMILY_NAMES_MAX]; /* config.json, architectures[0] */
	bool decoder; /* step() writes text; otherwise encode() reads it */

	/* Reads config and weights, both not needed later. *net is all zero but for family,
	 * architecture and device. -EBADMSG: a field or tensor is missing or does not fit.
	 * -ENOTSUP: names what is not supported. -ENOMEM. */
	int (*configure)(struct net *net, const json_t *config, struct err *e);
	int (*load)(struct net *net, const struct weights *weights, struct err *e);

	/* m rows, each a token at its place, in order of places per sequence; logits of n_wanted
	 * of them (indexes into the rows): n_wanted x vocab. -ENOMEM: nothing was computed. */
	int (*step)(struct net *net, const uint32_t *ids, const struct place *places, size_t m,
		const uint32_t *wanted, size_t n_wanted, float *logits);

	/* ret: n_wanted x net->width, or x net->hidden where headless. -ENOMEM as above. */
	int (*encode)(struct net *net, const struct batch *in, float *ret);

	/* n pictures of picture_width x picture_height pixels, 3 floats each, normalised: n x
	 * labels, or n x joint. A family that has it is asked nothing of the above. */
	int (*look)(struct net *net, const float *pixels, size_t n, float *ret);

	/* Of one that knows pictures and texts in the same space: sequences as in a batch; n x
	 * joint. */
	int (*read)(
		struct net *net, const uint32_t *ids, const uint32_t *starts, size_t n, float *ret);

	/* Of a decoder whose matrices may have adapters (adapter.h): the shape of one.
	 * False: these may not. */
	bool (*adapts)(const struct net *net, unsigned which, uint32_t *rows, uint32_t *columns);

	void (*unload)(struct net *net); /* frees net->own */
};

/* What every network has; its family's part is in own. */
struct net {
	const struct family *family;
	const char *architecture; /* one of the family's */
	struct device *device;    /* borrowed */
	uint32_t vocab, context, layers;
	uint32_t kv_width;      /* decoders: floats of one token's keys in one layer */
	enum net_head head;     /* encoders */
	uint32_t hidden, width; /* encoders: floats of a hidden state, of encode()'s row */
	uint32_t n_labels;      /* NET_SEQUENCE, NET_TOKENS */
	char (*labels)[NET_LABEL_MAX + 1]; /* owned */
	bool independent; /* labels do not exclude each other: sigmoid, not softmax */
	uint32_t picture_width, picture_height, picture_rows; /* look(); rows of one picture */
	uint32_t joint;          /* floats of what both look() and read() give; 0: labels */
	float joint_scale;       /* of the cosine of two of them, before the softmax */
	struct weight **weights; /* owned; all there are, for freeing */
	size_t n_weights;
	float *scratch; /* owned; activations of a step */
	size_t scratch_floats;
	struct adapter **adapters; /* owned */
	size_t n_adapters;
	void *own; /* owned; the family's */
};

/* NULL: no family of that architecture. *ret_name: the name as the family has it. */
const struct family *family_find(const char *architecture, const char **ret_name);

/* Reads config.json's object only. The same errors as configure. Caller owns *ret. */
int net_configure(const json_t *config, struct device *d, struct net **ret, struct err *e);

/* Configures and loads. */
int net_load(const json_t *config, const struct weights *weights, struct device *d,
	struct net **ret, struct err *e);
struct net *net_free(struct net *net);
DEFINE_CLEANUP(struct net *, net_free)

/* --- for families --- */

extern const struct family family_llama, family_gpt2, family_bert, family_vit, family_clip;

/* A number of config.json between min and max. fallback NAN: it must be there. */
int config_number(const json_t *config, const char *key, double min, double max, double fallback,
	double *ret, struct err *e);
int config_u32(const json_t *config, const char *key, uint32_t min, uint32_t max, uint32_t *ret,
	struct err *e);
/* As config_u32 with a fallback for a field that is missing or null. */
int config_opt_u32(const json_t *config, const char *key, uint32_t min, uint32_t max,
	uint32_t fallback, uint32_t *ret, struct err *e);

/* Takes weights one by one; the first failure stays in r and e and makes the rest no-ops. */
struct loader {
	struct net *net;
	const struct weights *weights;
	int r;
	struct err *e;
};

/* The weight of that name, which must have the shape rows x columns; rows 0: one dimension. NULL
 * and l->r < 0: missing, of another shape or type, out of memory. Owned by the net. */
struct weight *loader_take(struct loader *l, uint32_t rows, uint32_t columns, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* As loader_take, of a matrix that is stored columns x total and so has its outputs side by side:
 * those from first on become rows. columns 0: a vector of total, of which rows are taken. */
struct weight *loader_take_turned(struct loader *l, uint32_t columns, uint32_t total,
	uint32_t first, uint32_t rows, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* As loader_take, of a matrix of total rows, of which those from first on are taken. */
struct weight *loader_take_rows(struct loader *l, uint32_t total, uint32_t first, uint32_t rows,
	uint32_t columns, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

bool loader_has(const struct loader *l, const char *name);

/* The same of any number of dimensions whose numbers make rows x columns, rows at least 1. */
struct weight *loader_take_flat(
	struct loader *l, uint32_t rows, uint32_t columns, const char *name);

/* id2label; without it two, as transformers. Fills net->labels. */
int net_read_labels(struct net *net, const json_t *config, struct err *e);

/* Room for rows rows of width floats in net->scratch, its content lost. -ENOMEM. */
int net_reserve(struct net *net, size_t rows, size_t width);
