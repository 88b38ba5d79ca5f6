/*
 * Links that sign somebody in, once and soon: what a command line gives to a browser. Kept in
 * memory only, so that a restart forgets them. Knows no request and no clock of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "proto/names.h"

#define LINKS_MAX 16
#define LINK_KEY_LEN (2 * ID_LEN)
#define LINK_NEXT_MAX 200
#define LINK_LIFE_MIN 10

struct links;

struct links *links_new(void);
struct links *links_free(struct links *l);
DEFINE_CLEANUP(struct links *, links_free)

/*
 * A new link for that user; next: where it leads, a path of this site. The oldest of LINKS_MAX
 * makes room. -EINVAL with words: next leads elsewhere.
 */
int links_add(struct links *l, const char *user, const char *next, uint64_t now_usec,
	char ret_key[LINK_KEY_LEN + 1], struct err *e);

/* The link is used up. -ENOENT: there is none, or it is too old. */
int links_take(struct links *l, const char *key, uint64_t now_usec, char ret_user[OWNER_MAX + 1],
	char ret_next[LINK_NEXT_MAX + 1]);
