/*
 * The encoder that ViT and CLIP have in common: layers that normalise before they attend and before
 * they think, with learned positions added by whoever made the rows. And the beginning of both for
 * pictures: patches, one row each, behind a row that stands for the whole.
 */
#pragma once

#include "inference/models/family.h"

#define TOWER_ROWS_MAX 4097 /* of one picture: 64 x 64 patches and the row for the whole */

/* Where the parts' tensors are: "%s.%u.%s.weight" of layers, the layer's number, and each of: */
struct tower_names {
	const char *layers;
	const char *before, *query, *key, *value, *output; /* attention */
	const char *after, *inner, *outer;                 /* the two layers behind it */
};

struct tower_layer;

struct tower {
	uint32_t hidden, inner, n_layers;
	struct heads heads;
	float eps;
	void (*activate)(struct device *d, float *x, size_t n);
	bool biased;                /* queries, keys and values have one */
	struct tower_layer *layers; /* owned */
};

/* Activations of one step; n rows each, hidden wide, inner that of the tower. */
struct tower_room {
	float *x, *q, *k, *v, *mixed, *inner;
};

/* What a configuration that names no size means by that; eps and activation as well. */
struct tower_defaults {
	uint32_t hidden, inner, layers, heads;
	double eps;
	const char *activation;
};

int tower_configure(struct tower *t, const json_t *config, const struct tower_defaults *other,
	struct device *d, struct err *e);
void tower_load(struct loader *from, struct tower *t, const struct tower_names *names);
void tower_done(struct tower *t);

/* Floats of one row, of which at least least are inner's. */
size_t tower_width(const struct tower *t, size_t least);

/* Room in net->scratch for m rows of width, the widest of the net's towers. -ENOMEM. */
int tower_make_room(
	struct net *net, const struct tower *t, size_t m, size_t width, struct tower_room *ret);

/* The n sequences of at->x, in place; causal: each row sees only those before it. */
void tower_run(struct device *d, const struct tower *t, const uint32_t *starts, size_t n,
	bool causal, const struct tower_room *at);

/* --- pictures --- */

struct eye {
	uint32_t width, height, patch;
	uint32_t rows; /* of one picture */
	struct weight *project, *project_bias, *whole, *positions;
};

/* The names are full ones; bias NULL: there is none. */
struct eye_names {
	const char *project, *bias, *whole, *positions;
};

int eye_configure(
	struct eye *eye, const json_t *config, uint32_t size, uint32_t patch, struct err *e);
void eye_load(struct loader *from, struct eye *eye, uint32_t hidden, const struct eye_names *names);

/* n pictures as look() has them to n * eye->rows rows of at->x. -ENOMEM. */
int eye_open(struct net *net, const struct eye *eye, uint32_t hidden, const float *pixels, size_t n,
	const struct tower_room *at);
