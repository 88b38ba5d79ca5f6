/*
 * Pictures that programs send, made into pixels by vitrine-picture: a small program that the
 * gateway starts before it gives up starting any. Each picture is read there by a process of its
 * own, which can do nothing else. Parses no picture; knows no HTTP.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

#define PICTURES_UNDER_WAY_MAX 16
#define PICTURE_FILE_MAX (16u << 20)
#define PICTURE_SIDE_MAX 1024

struct picture_job;
struct picture_reading;
struct pictures;

/* The pixels, RGB; or NULL and words why there are none. Called from the loop, once; the reading is
 * gone when it returns. */
typedef void (*pictures_fn)(const uint8_t *rgb, size_t n, const char *words, void *data);

/* Starts the program. Returns the link to it, the caller's. */
int pictures_start(const char *program, struct err *e);

/* control: of pictures_start, owned from now on; -1: there is none, and pictures are refused. */
int pictures_new(struct loop *loop, int control, struct pictures **ret);
/* Nothing is being read any more. */
struct pictures *pictures_free(struct pictures *p);
DEFINE_CLEANUP(struct pictures *, pictures_free)

/*
 * Reads the n bytes of how->n as how says; they are copied. -EBUSY: too many are being read.
 * -EMSGSIZE: over PICTURE_FILE_MAX. -ENOTCONN: nobody reads pictures. -EINVAL: no such size.
 * -ENOMEM. Words with each.
 */
int picture_read_begin(struct pictures *p, const struct picture_job *how, const uint8_t *bytes,
	pictures_fn fn, void *data, struct picture_reading **ret, struct err *e);
/* Nobody waits for it: no callback follows. NULL is fine. Returns NULL. */
struct picture_reading *picture_reading_drop(struct picture_reading *r);
