#include "inference/devices/nvml.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define UNCORRECTED 1 /* nvmlMemoryErrorType_t */
#define VOLATILE 0    /* nvmlEccCounterType_t: since the driver was loaded */
#define XID 8ull      /* nvmlEventTypeXidCriticalError */
#define EVENTS_MAX 64 /* taken in one round */

typedef void *handle;
struct memory {
	unsigned long long total, free, used;
};
struct rates {
	unsigned gpu, memory;
};
struct event {
	handle device;
	unsigned long long type, data;
	unsigned instance, part;
};

/* name, arguments; needed: without it there is no report */
#define NVML_CALLS(CALL)                                                                           \
	CALL(nvmlInit_v2, (void), true)                                                            \
	CALL(nvmlDeviceGetCount_v2, (unsigned *ret), true)                                         \
	CALL(nvmlDeviceGetHandleByIndex_v2, (unsigned i, handle *ret), true)                       \
	CALL(nvmlDeviceGetName, (handle d, char *ret, unsigned n), true)                           \
	CALL(nvmlDeviceGetUUID, (handle d, char *ret, unsigned n), false)                          \
	CALL(nvmlDeviceGetMemoryInfo, (handle d, struct memory * ret), false)                      \
	CALL(nvmlDeviceGetTemperature, (handle d, int sensor, unsigned *ret), false)               \
	CALL(nvmlDeviceGetUtilizationRates, (handle d, struct rates * ret), false)                 \
	CALL(nvmlDeviceGetTotalEccErrors,                                                          \
		(handle d, int kind, int counter, unsigned long long *ret), false)                 \
	CALL(nvmlEventSetCreate, (handle * ret), false)                                            \
	CALL(nvmlDeviceRegisterEvents, (handle d, unsigned long long types, handle set), false)    \
	CALL(nvmlEventSetWait_v2, (handle set, struct event * ret, unsigned msec), false)

struct nvml {
	void *library;
#define CALL(name, arguments, needed) int(*name) arguments;
	NVML_CALLS(CALL)
#undef CALL
	handle events; /* NULL: none */
	uint32_t xids[GPUS_MAX];
	struct gpu known[GPUS_MAX]; /* as each was when it answered last */
};

static bool find_calls(struct nvml *v)
{
	bool all = true;

#define CALL(name, arguments, needed)                                                              \
	*(void **)&v->name = dlsym(v->library, #name);                                             \
	all = all && (v->name || !(needed));
	NVML_CALLS(CALL)
#undef CALL
	return all;
}

static void watch_events(struct nvml *v)
{
	unsigned n = 0;
	handle d;

	if (!v->nvmlEventSetCreate || !v->nvmlDeviceRegisterEvents || !v->nvmlEventSetWait_v2 ||
		v->nvmlEventSetCreate(&v->events) != 0) {
		v->events = NULL;
		return;
	}
	(void)v->nvmlDeviceGetCount_v2(&n);
	for (unsigned i = 0; i < n && i < GPUS_MAX; i++)
		if (v->nvmlDeviceGetHandleByIndex_v2(i, &d) == 0)
			(void)v->nvmlDeviceRegisterEvents(d, XID, v->events);
}

struct nvml *nvml_open(const char *library)
{
	struct nvml *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!v->library || !find_calls(v) || v->nvmlInit_v2() != 0) {
		free(v); /* this process ends */
		return NULL;
	}
	watch_events(v);
	return v;
}

static void take_events(struct nvml *v, const handle *handles, size_t n)
{
	struct event e;

	for (int k = 0; k < EVENTS_MAX && v->events; k++) {
		if (v->nvmlEventSetWait_v2(v->events, &e, 0) != 0)
			return;
		for (size_t i = 0; i < n; i++)
			if (handles[i] == e.device && e.type == XID)
				v->xids[i] = (uint32_t)e.data;
	}
}

static void sample_numbers(struct nvml *v, handle d, struct gpu *g)
{
	unsigned long long errors;
	struct memory memory;
	struct rates rates;
	unsigned celsius;

	if (!v->nvmlDeviceGetUUID || v->nvmlDeviceGetUUID(d, g->uuid, sizeof(g->uuid)) != 0)
		g->uuid[0] = '\0';
	if (v->nvmlDeviceGetMemoryInfo && v->nvmlDeviceGetMemoryInfo(d, &memory) == 0) {
		g->memory_total = memory.total;
		g->memory_used = memory.used;
	}
	if (v->nvmlDeviceGetTemperature && v->nvmlDeviceGetTemperature(d, 0, &celsius) == 0)
		g->celsius = celsius;
	if (v->nvmlDeviceGetUtilizationRates && v->nvmlDeviceGetUtilizationRates(d, &rates) == 0)
		g->percent = rates.gpu;
	if (v->nvmlDeviceGetTotalEccErrors &&
		v->nvmlDeviceGetTotalEccErrors(d, UNCORRECTED, VOLATILE, &errors) == 0)
		g->uncorrected = errors;
}

/* One that has fallen off the bus, say, is told of by the names it had. */
static void sample_one(struct nvml *v, unsigned i, handle *ret, struct gpu *g)
{
	*g = (struct gpu){.memory_total = UINT64_MAX,
		.memory_used = UINT64_MAX,
		.uncorrected = UINT64_MAX,
		.celsius = UINT32_MAX,
		.percent = UINT32_MAX};
	if (v->nvmlDeviceGetHandleByIndex_v2(i, ret) != 0) {
		*ret = NULL;
		g->lost = 1;
	} else if (v->nvmlDeviceGetName(*ret, g->name, sizeof(g->name)) != 0) {
		g->lost = 1;
	}
	if (g->lost) {
		memcpy(g->name, v->known[i].name, sizeof(g->name));
		memcpy(g->uuid, v->known[i].uuid, sizeof(g->uuid));
		return;
	}
	sample_numbers(v, *ret, g);
	v->known[i] = *g;
}

bool nvml_sample(struct nvml *v, struct gpus_report *ret)
{
	handle handles[GPUS_MAX] = {0};
	unsigned n = 0;

	memset(ret, 0, sizeof(*ret));
	if (v->nvmlDeviceGetCount_v2(&n) != 0)
		return false;
	for (unsigned i = 0; i < n && i < GPUS_MAX; i++)
		sample_one(v, i, &handles[i], &ret->list[ret->n++]);
	take_events(v, handles, ret->n);
	for (size_t i = 0; i < ret->n; i++)
		ret->list[i].xid = v->xids[i];
	return true;
}
