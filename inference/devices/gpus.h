/*
 * What NVIDIA's management library (libnvidia-ml.so.1) says of the machine's GPUs, where it is
 *there.
 *
 * Its calls can hang for as long as a driver does, and it reads what it likes of the system: so it
 *is loaded in a process of its own, which holds nothing, and another one watches that and starts it
 * anew. Both are forked before anything is opened and before the confinement, and end when nobody
 * reads what they say. Knows no model and no device.
 *
 *	inference ◀── a report every GPUS_EVERY_SEC ── keeper ◀── the same ── sampler (NVML)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/loop.h"

#define GPUS_LIBRARY "libnvidia-ml.so.1"
#define GPUS_MAX 16
#define GPUS_EVERY_SEC 5
#define GPUS_PATIENCE_SEC 15 /* for an answer of the library */
#define GPUS_TEXT_MAX 63
#define GPUS_OVER UINT32_MAX

/* UINT32_MAX, UINT64_MAX: it does not say. */
struct gpu {
	char name[GPUS_TEXT_MAX + 1], uuid[GPUS_TEXT_MAX + 1];
	uint64_t memory_total, memory_used; /* bytes; used: by all programs */
	uint64_t uncorrected;               /* memory errors since the driver was loaded */
	uint32_t celsius, percent;          /* percent: of the time, in use by anybody */
	uint32_t xid;                       /* the last critical error of the driver; 0: none */
	uint32_t lost;                      /* 1: it does not answer; its names are as known last */
};

struct gpus_report {
	uint32_t n;
	/* The library has not answered for so long; 0: it does; GPUS_OVER: nobody listens to it
	 * any more. */
	uint32_t stuck_sec;
	struct gpu list[GPUS_MAX];
};

struct gpus;

/* Forks both; library: GPUS_LIBRARY, or a path. every_sec and patience_sec: as above. Caller owns
 * *ret_fd, where reports come; it ends at once where there is no library. The errno of socketpair
 * and fork. */
int gpus_fork(const char *library, unsigned every_sec, unsigned patience_sec, int *ret_fd);

/* Listens, and takes fd. -ENOMEM and the like. Caller owns *ret. */
int gpus_new(struct loop *loop, int fd, struct gpus **ret);
struct gpus *gpus_free(struct gpus *g);
DEFINE_CLEANUP(struct gpus *, gpus_free)

/* The newest; NULL: none has come. What a stuck library said last stays. Borrowed. */
const struct gpus_report *gpus_look(const struct gpus *g);

/* For people, "" where there is nothing: what a GPU is and how it does; what is wrong with it. */
void gpu_words(const struct gpu *g, char *ret, size_t max);
void gpu_warning(const struct gpu *g, uint32_t stuck_sec, char *ret, size_t max);

/* A report as it came: bounded, its texts ended and printable. -EBADMSG: it is none. */
int gpus_read(const void *bytes, size_t n, struct gpus_report *ret);
