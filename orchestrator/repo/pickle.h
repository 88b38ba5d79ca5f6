/*
 * Whether a file is a Python pickle: a program that runs when somebody loads it. Told by content:
 * the opcodes of pickletools.py, and the archive/data.pkl of torch.save's zip files. Nothing is
 * unpickled and no archive is opened beyond its list of names. Knows no repo.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pickle_source {
	uint64_t size;
	/* n bytes from at on, fewer at the end; negative: it cannot be read. */
	ssize_t (*read)(void *data, uint64_t at, void *bytes, size_t n);
	void *data;
};

/* The name's ending makes the oldest protocols, which are text, count too. */
bool pickle_is(const struct pickle_source *s, const char *name);

/* The endings that weights of this kind have: .pkl .pickle .pt .pth .bin .ckpt .joblib */
bool pickle_may_be(const char *name);
