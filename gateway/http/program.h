/*
 * What requests of programs share, whatever they speak (REST, MCP): who asks, what the Space
 * offers, and a call whose answer is one JSON text or a stream of events. The handler's state
 * begins with a struct program. Only for the files of gateway/http/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "gateway/adapters/about.h"
#include "gateway/adapters/named.h"
#include "gateway/call/call.h"
#include "gateway/http/request.h"

#define PROGRAM_BODY_MAX (6u << 20)

struct program;

/* How a protocol words what is told of a call. Each appends one event to a stream, or, where the
 * answer is no stream, only the last of them anything: the whole body. */
struct program_voice {
	int (*queue)(struct program *p, size_t place, size_t of, int64_t expected_ms,
		const char *reason);
	int (*progress)(struct program *p, struct slice json);
	int (*log)(struct program *p, struct slice json);
	int (*value)(struct program *p, struct slice results);
	int (*result)(struct program *p, struct slice results);
	int (*failed)(struct program *p, enum call_failure why, const char *message);
};

struct program {
	struct request *request; /* NULL: not begun */
	const struct program_voice *voice;
	struct buf body;
	size_t reserved; /* of what all bodies under way may have */
	struct source *timer;
	uint64_t give_up_usec; /* waiting for the Space's functions */
	struct space *space;   /* borrowed for one call only: looked up again after waiting */
	struct page *page;     /* reference */
	const struct function_table *functions; /* of it */
	const struct function *function;
	char url[512];              /* of the Space, as it was asked */
	char address[HOST_URL_MAX]; /* of its own host; "": it has none, or nobody has looked */
	struct caller *caller;
	struct call *call;
	bool streams;    /* the answer is a stream of events */
	bool over;       /* nothing more will be told */
	unsigned status; /* of an answer that is no stream */
	struct buf out;
	size_t at; /* of out, what the socket has taken */
	uint64_t beat_usec;
};

/* For begin: p is zeroed, and the body is gathered from then on. */
void program_begin(struct request *r, struct program *p, const struct program_voice *voice);
size_t program_feed(struct request *r, const char *bytes, size_t n);
void program_end(struct program *p);

/*
 * Who asks, the Space, and what it offers. 1: they are there; 0: suspended, finish is called again;
 * negative: the refusal is decided.
 */
int program_meet(struct program *p);

/* What documents say of it. */
void program_about(struct program *p, struct about *ret);

/*
 * Calls p->function with named arguments in the session of that key (NULL: one of its own). True:
 * the body is gone, and named with it. False: *ret_status and words say why not, ret_field which
 * argument it was.
 */
bool program_call(struct program *p, struct slice named, const char *key, size_t key_length,
	unsigned *ret_status, char *ret_field, size_t field_size, struct err *e);

/* For finish, once a call is under way: a stream at once, another answer when it is there. */
enum MHD_Result program_answer(struct program *p);

/* HTTP's word for how a call failed. */
unsigned program_status(enum call_failure why);

/* {"error": words} and, where given, the argument's name. */
enum MHD_Result program_refuse(
	struct request *r, unsigned status, const char *field, const char *words);

/* The first n bytes of the image or other file, from the Space's files; see mcp_file_fn. */
bool program_file(const char *id, char ret_type[64], struct buf *ret_bytes, void *program);
