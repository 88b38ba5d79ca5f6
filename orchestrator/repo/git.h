/*
 * A running git program: its input and output without ever blocking the loop. Knows no HTTP.
 *
 * The program lives on its own terms: when its owner lets go (git_free), a reader is ended, while
 * a writer loses its input, has its output read and thrown away, and ends by itself, so that a
 * push whose visitor hung up is still whole or absent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

struct git;

/* What git needs beside its repo: members of an array of struct landlock_path. */
#define GIT_NEEDS                                                                                  \
	{"/dev/null", LANDLOCK_WRITE}, {"/usr", LANDLOCK_EXECUTE}, {"/bin", LANDLOCK_EXECUTE},     \
		{"/lib", LANDLOCK_EXECUTE}, {"/lib64", LANDLOCK_EXECUTE},                          \
	{                                                                                          \
		"/etc/ld.so.cache", LANDLOCK_READ                                                  \
	}

#define GIT_PROGRAMS_MAX 64

enum git_service {
	GIT_UPLOAD_PACK,
	GIT_RECEIVE_PACK,
	GIT_SMALL_BLOBS, /* lists "ID PATH" of files below small_max bytes: see git_plan.news */
	GIT_COPY,        /* branches and tags of git_plan.source, and what they reach */
	GIT_IS_ANCESTOR  /* ends with status 0: git_plan.ancestor is one of .commit; with 1: not */
};

struct git_plan {
	enum git_service service;
	bool advertise;       /* info/refs */
	const char *repo;     /* path */
	const char *source;   /* path of another one, which is only read; NULL: none */
	const char *hooks;    /* folder for core.hooksPath */
	const char *protocol; /* value of the header Git-Protocol, checked; or NULL */
	int hook_fd;          /* the hooks find it as fd 4; -1: none. Stays the caller's */
	uint64_t input_max;   /* receive.maxInputSize */
	/* GIT_SMALL_BLOBS: only what the commits in its input reach and no ref does; otherwise what
	 * any ref reaches. */
	bool news;
	unsigned int small_max;
	const char *ancestor, *commit; /* ids */
	const char *quarantine;        /* path; where objects of a push are; NULL: none */
};

struct git_ops {
	/* Output can be read, or has ended. Called once per git_want_output. */
	void (*on_output)(void *data);
	/* Input can be written again. Called once per git_want_input. */
	void (*on_input)(void *data);
	/* The program has ended (status as from waitpid) and so has its owner's interest: last
	 * call. Comes also after git_free, but not of GIT_SMALL_BLOBS. */
	void (*on_exit)(int status, void *data);
};

/* -EACCES: header Git-Protocol is not one we pass on. */
int git_protocol_check(const char *value);

/* -EBUSY: GIT_PROGRAMS_MAX run already. -EAGAIN: the repo's lock could not be had. */
int git_start(struct loop *loop, const struct git_plan *plan, const struct git_ops *ops, void *data,
	struct git **ret, struct err *e);

/* The owner's streams are over; see above. on_output and on_input are not called any more. */
void git_free(struct git *g);

/* Bytes taken, -EAGAIN, or -EPIPE when the program reads no more. */
ssize_t git_write(struct git *g, const void *bytes, size_t n);
void git_end_input(struct git *g);

/* Bytes read, 0 at the end, -EAGAIN, -errno. */
ssize_t git_read(struct git *g, void *bytes, size_t n);

void git_want_input(struct git *g);
void git_want_output(struct git *g);

/* words: why it has not been done, borrowed; NULL: it has. */
typedef void git_tidied_fn(const char *words, void *data);

/* `git gc --auto` on a repo, or a whole one, with fn at its end. What nothing points to goes when
 * it is two weeks old. -EBUSY: one runs already, whoever asked for it. */
int git_tidy(struct loop *loop, const char *repo, bool whole, git_tidied_fn *fn, void *data,
	struct err *e);

/* At the end: kills what still runs and frees it without callbacks. */
void git_end_all(void);
