/*
 * Who a visitor is: a random id in the cookie vitrine_visitor, signed with a key that never
 * leaves this process's data folder. ID "." HMAC-SHA256(key, ID), 32 hexadecimal digits of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/random.h"

#define VISITOR_COOKIE "vitrine_visitor"
#define VISITOR_KEY_LEN 32
#define VISITOR_COOKIE_LEN (ID_LEN + 1 + 32)

struct visitor_key {
	unsigned char bytes[VISITOR_KEY_LEN];
};

/* Reads the key at path, making one when there is none (durably, before anyone is known by it). */
int visitor_key_load(const char *path, struct visitor_key *ret, struct err *e);

/* Makes a visitor: the id and the cookie's value. */
void visitor_new(const struct visitor_key *key, char ret_id[ID_LEN + 1],
	char ret_cookie[VISITOR_COOKIE_LEN + 1]);

/* True when the n bytes are a cookie of ours; ret_id is filled in then. */
bool visitor_check(
	const struct visitor_key *key, const char *cookie, size_t n, char ret_id[ID_LEN + 1]);

/*
 * The visitor that a program is: the same for the same Space, user ("" for nobody) and key, and
 * nobody who knows these can tell it. Not a visitor that a cookie names.
 */
void visitor_of_program(const struct visitor_key *key, const char *space, const char *user,
	const void *name, size_t n, char ret_id[ID_LEN + 1]);

#define NETWORK_KEY_LEN 16

/* What stands for a network address, or whatever names a visitor who has none, where usage is
 * counted: the same for the same one, and nobody can tell the address by it. */
void visitor_network(
	const struct visitor_key *key, const void *name, size_t n, char ret[NETWORK_KEY_LEN + 1]);

/*
 * The value of a cookie in a Cookie header of n bytes; the first one counts. NULL: not there.
 * Borrowed from header, ret_n bytes.
 */
const char *cookie_find(const char *header, size_t n, const char *name, size_t *ret_n);
