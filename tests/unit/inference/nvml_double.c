/* A libnvidia-ml.so.1 for tests: two GPUs, and what NVML_DOUBLE says goes wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct memory {
	unsigned long long total, free, used;
};
struct rates {
	unsigned gpu, memory;
};
struct event {
	void *device;
	unsigned long long type, data;
	unsigned instance, part;
};

static char one, two, set;
static unsigned rounds, events;

static int is(const char *mode)
{
	const char *said = getenv("NVML_DOUBLE");

	return said && !strcmp(said, mode);
}

int nvmlInit_v2(void);
int nvmlDeviceGetCount_v2(unsigned *ret);
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **ret);
int nvmlDeviceGetName(void *d, char *ret, unsigned n);
int nvmlDeviceGetUUID(void *d, char *ret, unsigned n);
int nvmlDeviceGetMemoryInfo(void *d, struct memory *ret);
int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *ret);
int nvmlDeviceGetUtilizationRates(void *d, struct rates *ret);
int nvmlDeviceGetTotalEccErrors(void *d, int kind, int counter, unsigned long long *ret);
int nvmlEventSetCreate(void **ret);
int nvmlDeviceRegisterEvents(void *d, unsigned long long types, void *of);
int nvmlEventSetWait_v2(void *of, struct event *ret, unsigned msec);

int nvmlInit_v2(void)
{
	return is("broken") ? 9 : 0; /* NVML_ERROR_DRIVER_NOT_LOADED */
}

int nvmlDeviceGetCount_v2(unsigned *ret)
{
	rounds++;
	if (is("hangs") && rounds > 3)
		for (;;)
			(void)pause();
	if (is("crashes") && rounds > 3)
		abort();
	if (is("ends") && rounds > 3)
		return 999; /* NVML_ERROR_UNKNOWN */
	*ret = is("many") ? 1000 : 2;
	return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **ret)
{
	if (is("lost") && i == 0 && rounds > 3)
		return 15; /* NVML_ERROR_GPU_IS_LOST */
	*ret = i == 0 ? &one : &two;
	return 0;
}

int nvmlDeviceGetName(void *d, char *ret, unsigned n)
{
	if (is("junk"))
		memset(ret, '\x1b', n);
	else
		(void)snprintf(ret, n, d == &one ? "NVIDIA H100 80GB HBM3" : "NVIDIA L4");
	return 0;
}

int nvmlDeviceGetUUID(void *d, char *ret, unsigned n)
{
	(void)snprintf(ret, n, "GPU-%d", d == &one ? 1 : 2);
	return 0;
}

int nvmlDeviceGetMemoryInfo(void *d, struct memory *ret)
{
	if (d == &two)
		return 3; /* NVML_ERROR_NOT_SUPPORTED */
	*ret = (struct memory){81559ull << 20, 80535ull << 20, 1024ull << 20};
	return 0;
}

int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *ret)
{
	(void)d;
	(void)sensor;
	*ret = 41;
	return 0;
}

int nvmlDeviceGetUtilizationRates(void *d, struct rates *ret)
{
	(void)d;
	*ret = (struct rates){12, 3};
	return 0;
}

int nvmlDeviceGetTotalEccErrors(void *d, int kind, int counter, unsigned long long *ret)
{
	if (d == &two || kind != 1 || counter != 0)
		return 3;
	*ret = 2;
	return 0;
}

int nvmlEventSetCreate(void **ret)
{
	*ret = &set;
	return 0;
}

int nvmlDeviceRegisterEvents(void *d, unsigned long long types, void *of)
{
	return d && of == &set && types == 8 ? 0 : 2;
}

int nvmlEventSetWait_v2(void *of, struct event *ret, unsigned msec)
{
	if (of != &set || msec != 0 || events++ > 0)
		return 10; /* NVML_ERROR_TIMEOUT */
	*ret = (struct event){.device = &two, .type = 8, .data = 79};
	return 0;
}
