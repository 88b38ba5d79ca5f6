/*
 * The part of the CUDA driver's interface that the device uses, found in libcuda.so.1 at run time:
 * building needs cuda.h and no library. https://docs.nvidia.com/cuda/cuda-driver-api/
 */
#pragma once

#include <cuda.h>

#include "base/err.h"

/* name, the versioned symbol that cuda.h's macro stands for, return and arguments */
#define DRIVER_CALLS(CALL)                                                                         \
	CALL(cuInit, (unsigned flags))                                                             \
	CALL(cuDeviceGet, (CUdevice * ret, int ordinal))                                           \
	CALL(cuDeviceGetName, (char *name, int n, CUdevice d))                                     \
	CALL(cuDevicePrimaryCtxRetain, (CUcontext * ret, CUdevice d))                              \
	CALL(cuDevicePrimaryCtxRelease, (CUdevice d))                                              \
	CALL(cuCtxSetCurrent, (CUcontext c))                                                       \
	CALL(cuModuleLoadData, (CUmodule * ret, const void *image))                                \
	CALL(cuModuleUnload, (CUmodule m))                                                         \
	CALL(cuModuleGetFunction, (CUfunction * ret, CUmodule m, const char *name))                \
	CALL(cuStreamCreate, (CUstream * ret, unsigned flags))                                     \
	CALL(cuStreamDestroy, (CUstream s))                                                        \
	CALL(cuStreamSynchronize, (CUstream s))                                                    \
	CALL(cuMemAlloc, (CUdeviceptr * ret, size_t n))                                            \
	CALL(cuDeviceGetUuid, (CUuuid * ret, CUdevice d))                                          \
	CALL(cuMemGetInfo, (size_t * left, size_t * all))                                          \
	CALL(cuMemFree, (CUdeviceptr p))                                                           \
	CALL(cuMemAllocHost, (void **ret, size_t n))                                               \
	CALL(cuMemFreeHost, (void *p))                                                             \
	CALL(cuMemcpyHtoDAsync, (CUdeviceptr to, const void *from, size_t n, CUstream s))          \
	CALL(cuMemcpyDtoHAsync, (void *to, CUdeviceptr from, size_t n, CUstream s))                \
	CALL(cuMemsetD8Async, (CUdeviceptr p, unsigned char c, size_t n, CUstream s))              \
	CALL(cuLaunchKernel,                                                                       \
		(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,    \
			unsigned bz, unsigned shared, CUstream s, void **arguments, void **extra)) \
	CALL(cuGetErrorName, (CUresult r, const char **ret))

struct driver {
	void *library;
#define CALL(name, arguments) CUresult(*name##_) arguments;
	DRIVER_CALLS(CALL)
#undef CALL
};

/* -ENODEV: no driver here, or it lacks a function (both with words). */
int driver_load(struct driver *d, struct err *e);
void driver_unload(struct driver *d);
