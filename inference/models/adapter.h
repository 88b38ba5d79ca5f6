/*
 * LoRA adapters: what a text adds to a model's matrices, beside others that share them.
 *
 * An adapter is a folder as PEFT writes it: adapter_config.json and adapter_model.safetensors, a
 * pair of low matrices A and B for some matrices of some layers; y += scale · B A x. Rows of one
 * step may have different ones, or none. Knows no graph: a family says where its matrices are.
 */
#pragma once

#include "inference/models/family.h"

#define ADAPTER_NAME_MAX 64
#define ADAPTER_RANK_MAX 256
#define ADAPTERS_MAX 32 /* of one model */

/* The matrices that may have one, by PEFT's names. */
enum adapted {
	ADAPTED_Q,
	ADAPTED_K,
	ADAPTED_V,
	ADAPTED_O,
	ADAPTED_GATE,
	ADAPTED_UP,
	ADAPTED_DOWN,
	N_ADAPTED,
};

struct adapter;

/*
 * Reads adapters/NAME of a model's folder into net, for every NAME there is. -ENOTSUP: the
 * family, or what the adapter asks for, is not supported, by name. -EBADMSG: a tensor does not
 * fit. -EMSGSIZE. -ENOMEM. Words name the adapter.
 */
int adapters_read(struct net *net, int folder, struct err *e);
void adapters_free(struct net *net);

/* NULL: there is none of that name. */
const struct adapter *adapter_find(const struct net *net, const char *name);
const char *adapter_name(const struct adapter *a);

/* Floats that adapter_apply needs for each row; 0 where no row has an adapter. */
size_t adapter_room(const struct net *net, const struct place *places, size_t m);

/* y (m x out) += what the rows' adapters make of x (m x in) in that matrix. */
void adapter_apply(struct net *net, const struct place *places, size_t m, uint32_t layer,
	enum adapted which, const float *x, float *y, float *room);
