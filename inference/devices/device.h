/*
 * What a model's graph needs from the machine it runs on: memory, weights, keys and values in
 * pages, and a small set of operators.
 *
 * Graph code (inference/models) touches activations only through these, and reads results with
 * fetch(), so a device may keep them anywhere. A new device is one file that fills the table and
 * one row in device.c. Knows no model and no file.
 *
 * Operators return nothing: a device that fails says so once (device_fail), in whichever call it
 * finds out, and computes nothing from then on: what would give memory gives NULL, what frees it
 * returns, fetch() fills in zeros, all others do nothing. Whoever steps looks (device_is_faulty)
 * before anything of that step is used.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/formats/tensor.h"

struct device;
struct weight; /* a matrix, rows x columns, laid out as the device likes */
struct adapter;
struct kv; /* a pool of pages, each the keys and values of KV_PAGE tokens, all layers */

#define KV_PAGE 32
#define DEVICE_FAULT_MAX 160
#define DEVICE_UUID_MAX 48

/* Where a row of a step belongs: its sequence, that is the pages that hold it, and its place in
 * it. Token t is in pages[t / KV_PAGE]; rows of one sequence have the same pages pointer. */
struct place {
	struct kv *kv;
	const uint32_t *pages;
	uint32_t position;
	const struct adapter *adapter; /* NULL: the model as it is; devices need not know */
};

/* Heads of one attention; a query head h reads key head h / (heads / kv_heads). */
struct heads {
	uint32_t heads, kv_heads, dim;
};

struct device_ops {
	const char *name;

	/* Floats for activations. NULL: out of memory. */
	float *(*alloc)(struct device *d, size_t n);
	void (*free)(struct device *d, float *x);
	void (*fetch)(struct device *d, const float *x, size_t n, float *ret);
	void (*put)(struct device *d, const float *from, size_t n, float *x); /* the other way */

	/* t: one or two dimensions, already checked against the model's shape; not needed later.
	 * May be called in another thread than the operators, while they run. NULL: out of memory.
	 */
	struct weight *(*weight_new)(struct device *d, const struct tensor *t);
	void (*weight_free)(struct device *d, struct weight *w);

	/* A pool that takes memory only for the pages in use. NULL: out of memory. */
	struct kv *(*kv_new)(struct device *d, uint32_t layers, uint32_t width, uint32_t pages);
	void (*kv_free)(struct device *d, struct kv *kv);
	/* The page's content is needed no more: its memory is free for others. */
	void (*kv_drop)(struct device *d, struct kv *kv, uint32_t page);

	/* Norms and biases are weights of one dimension. y[i] = row ids[i] of w; add: y[i] += it.
	 */
	void (*embed)(struct device *d, const struct weight *w, const uint32_t *ids, size_t m,
		bool add, float *y);
	/* y = x · Wᵀ + bias; bias may be NULL. */
	void (*linear)(struct device *d, const struct weight *w, const struct weight *bias,
		const float *x, size_t m, float *y);
	void (*add)(struct device *d, const float *x, float *y, size_t n); /* y += x */
	/* y[i] = x[rows[i]] */
	void (*gather)(struct device *d, const float *x, size_t width, const uint32_t *rows,
		size_t m, float *y);

	void (*rmsnorm)(struct device *d, const float *x, const struct weight *w, float eps,
		size_t m, size_t n, float *y);
	void (*layernorm)(struct device *d, const float *x, const struct weight *w,
		const struct weight *b, float eps, size_t m, size_t n, float *y);

	/* Rotates pairs (i, i + dim / 2) of every head by position * frequency[i]; interleaved:
	 * pairs (2i, 2i + 1). */
	void (*rope)(struct device *d, float *x, size_t m, uint32_t heads, uint32_t dim,
		const struct place *places, const double *frequency, bool interleaved);

	/* Stores keys and values of the rows at their places. */
	void (*kv_put)(struct device *d, uint32_t layer, const struct place *places, size_t m,
		const float *k, const float *v, uint32_t width);
	/* Each row attends to its sequence up to its own place. */
	void (*attend_causal)(struct device *d, uint32_t layer, const struct place *places,
		size_t m, const struct heads *h, const float *q, float *y);
	/* Rows [starts[i], starts[i + 1]) attend to each other. */
	void (*attend_full)(struct device *d, const uint32_t *starts, size_t n,
		const struct heads *h, const float *q, const float *k, const float *v, float *y);
	/* The same, each row to itself and those before it. */
	void (*attend_left)(struct device *d, const uint32_t *starts, size_t n,
		const struct heads *h, const float *q, const float *k, const float *v, float *y);

	void (*silu_mul)(struct device *d, float *gate, const float *up, size_t n);
	void (*gelu)(struct device *d, float *x, size_t n);
	void (*gelu_tanh)(struct device *d, float *x, size_t n);  /* its form with tanh */
	void (*quick_gelu)(struct device *d, float *x, size_t n); /* x * sigmoid(1.702 x) */
	void (*relu)(struct device *d, float *x, size_t n);
	void (*tanh)(struct device *d, float *x, size_t n);

	/* May compute on that many threads from now on. NULL: the device has its own ways. */
	void (*spread)(struct device *d, unsigned threads);

	/* Bytes of memory that it has, for all programs together; 0: nobody knows. */
	uint64_t (*memory)(struct device *d);
	/* After a fault, with all of it freed: it is as when it was opened. Negative with words:
	 * it cannot be, in this process. */
	int (*revive)(struct device *d, struct err *e);

	struct device *(*close)(struct device *d);
};

enum { DEVICE_SOUND, DEVICE_FAILING, DEVICE_FAULTY };

struct device {
	const struct device_ops *ops;
	/* weight_new keeps matrices of plain numbers in 8 bits (Q8_0), on devices that can. Set
	 * while a model that wants it is loaded. */
	bool eights;
	/* But those that are taken now in 16 (BF16): rows that come to them have a few numbers so
	 * large that nothing would be left of the others of their 32. */
	bool outliers;
	/* Set by device_fail only; what it failed with is there once it is DEVICE_FAULTY. */
	atomic_int soundness;
	char fault[DEVICE_FAULT_MAX];
	char uuid[DEVICE_UUID_MAX]; /* "GPU-…", as its management library says it; "": none */
	uint64_t busy_nsec;         /* of steps, measured; counted by whoever steps */
};

/* --- devices/fault.c, in plug-ins too --- */

/* The first one counts. From any thread that uses the device. */
__attribute__((format(printf, 2, 3))) void device_fail(struct device *d, const char *format, ...);
bool device_is_faulty(const struct device *d);
/* It has none any more: for revive. */
void device_mend(struct device *d);

/*
 * name: "cpu", or "cuda", which is a plug-in (vitrine-cuda.so beside the program). kernels: a build
 * of the CPU's kernels to force, NULL: the best one. -ENODEV: no such device here. -ENOSYS: the
 * plug-in lacks an operator. -ENOTSUP: no such build. Caller owns *ret.
 */
int device_open(const char *name, const char *kernels, struct device **ret, struct err *e);
/*
 * Lets it compute on that many processors, 0: all that this process may use. Threads have the
 * confinement of whoever starts them, so this comes after the last of it. Until then, one.
 */
void device_spread(struct device *d, unsigned threads);
struct device *device_close(struct device *d);
DEFINE_CLEANUP(struct device *, device_close)

/* devices/cpu.c */
int device_cpu_open(const char *kernels, struct device **ret, struct err *e);

/* --- for plug-ins --- */

/* Goes up with every change of struct device_ops or of what it takes. */
#define DEVICE_PLUGIN_VERSION 2

/* What a plug-in exports: device_plugin_version, which is the number above, device_plugin_ops, its
 * table, and device_plugin_open. -ENODEV: nothing of its kind here. */
typedef int device_plugin_open_fn(struct device **ret, struct err *e);
