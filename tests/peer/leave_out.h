/*
 * A boxd and a probe without some of their layers, so that a test can see what each layer does.
 *
 * The two programs (sandbox.cmake) link the product's own objects and put these functions between
 * a step and its caller by the linker's --wrap. Neither is ever installed; the product has no
 * switch, and its sources know nothing of this. Which layers: for boxd the environment variable
 * VITRINE_WITHOUT, for the probe a packet on its infer link; names of layers.def, with commas.
 */
#pragma once

#include <stdbool.h>

enum layer {
#define LAYER(name, doc) LAYER_##name,
#include "tests/peer/layers.def"
	LAYERS
};

/* Whether this process is to do without it. */
bool is_left_out(enum layer layer);

/* What --wrap makes of a function, with its own type: a step that changes does not compile here. */
#define WRAPPED(name) extern __typeof__(name) __real_##name, __wrap_##name
