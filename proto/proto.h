/*
 * Messages as C structs. The structs and the functions app_hello_read, app_hello_write, … are
 * generated from messages.def into the build folder; this header is what they have in common.
 *
 * NAME_read fills the struct from a frame's value: every field is checked for presence, type and
 * limit, and the words name the field. Strings and JSON are borrowed from the message until
 * NAME_done. A missing optional field reads as NULL, 0 or false. NAME_write appends the value.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum proto_link {
	PROTO_APP,
	PROTO_WIRE,
	PROTO_EDGE,
	PROTO_AGENT,
	PROTO_WAKE,
	PROTO_BOX,
	PROTO_INFER,
	PROTO_MODELS,
	PROTO_FETCH,
};

/* UP: towards the end that messages.def names first. */
enum proto_direction { PROTO_UP, PROTO_DOWN };

enum proto_kind { PROTO_STR, PROTO_INT, PROTO_BOOL, PROTO_JSON };

struct proto_field {
	const char *name;
	enum proto_kind kind;
	bool required;
	uint64_t max;  /* bytes of a string, largest integer */
	size_t offset; /* of the member in the message's struct */
};

struct proto_message {
	const char *name; /* "app.HELLO" */
	enum proto_link link;
	enum proto_direction direction;
	uint8_t type;
	long value_max;
	size_t n_fields; /* 0: the value is raw */
	const struct proto_field *fields;
};

/* The legal maximum of a value that travels in this direction; -1: not legal on this link. */
long proto_value_max(enum proto_link link, enum proto_direction direction, uint8_t type);

/* "app.HELLO", or "type 0x02" when unknown; for logs. Borrowed, static or valid until next call. */
const char *proto_name(enum proto_link link, uint8_t type);

/* Behind the generated functions. m points to a generated struct, whose first member is root. */
int proto_read(
	const struct proto_message *d, void *m, const uint8_t *value, size_t n, struct err *e);
int proto_write(const struct proto_message *d, const void *m, struct buf *b);
void proto_done(void *m);
