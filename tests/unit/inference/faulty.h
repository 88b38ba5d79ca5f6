/* A device that fails when the test says: the CPU's, with a countdown in its matrix products. Only
 * for tests; the service has no such device. */
#pragma once

#include "inference/devices/device.h"
#include "tests/support/test.h"

#define FAULT_WORDS "CUDA_ERROR_ILLEGAL_ADDRESS"

static const struct device_ops *faulty_cpu; /* what it is made of */
static long faulty_products = -1;           /* until it fails; -1: it does not */
static bool faulty_loading, faulty_dead;    /* it fails with the next weight; for good */

static inline void faulty_linear(struct device *d, const struct weight *w,
	const struct weight *bias, const float *x, size_t m, float *y)
{
	if (faulty_products >= 0 && faulty_products-- == 0)
		device_fail(d, FAULT_WORDS);
	if (!device_is_faulty(d))
		faulty_cpu->linear(d, w, bias, x, m, y);
}

static inline void faulty_fetch(struct device *d, const float *x, size_t n, float *ret)
{
	if (device_is_faulty(d))
		memset(ret, 0, n * sizeof(*ret));
	else
		faulty_cpu->fetch(d, x, n, ret);
}

static inline struct weight *faulty_weight_new(struct device *d, const struct tensor *t)
{
	if (faulty_loading)
		device_fail(d, FAULT_WORDS);
	return device_is_faulty(d) ? NULL : faulty_cpu->weight_new(d, t);
}

static inline int faulty_revive(struct device *d, struct err *e)
{
	if (faulty_dead)
		return err_set(e, -ENODEV, "it cannot be used until the service is started anew");
	device_mend(d);
	return 0;
}

static inline struct device *faulty_open(void)
{
	static struct device_ops faulty_ops;
	struct device *d;

	CHECK(device_open("cpu", NULL, &d, NULL) == 0);
	faulty_cpu = d->ops;
	faulty_ops = *d->ops;
	faulty_ops.name = "faulty";
	faulty_ops.linear = faulty_linear;
	faulty_ops.fetch = faulty_fetch;
	faulty_ops.weight_new = faulty_weight_new;
	faulty_ops.revive = faulty_revive;
	d->ops = &faulty_ops;
	faulty_products = -1;
	faulty_loading = faulty_dead = false;
	return d;
}
