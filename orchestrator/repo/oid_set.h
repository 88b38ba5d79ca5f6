/* The ids of git objects that were seen, each with what is known of it. Bounded when it is made. */
#pragma once

#include <git2.h>
#include <stdbool.h>
#include <stdint.h>

struct oid_note {
	git_oid oid;
	uint32_t files; /* of a folder, those below it */
	uint16_t height;
	uint8_t climb; /* folders above this one that links below it go through */
	bool used : 1;
	bool weights : 1; /* a file: looked at by a name that weights have */
};

struct oid_set {
	struct oid_note *slots; /* owned; cap of them, a power of two */
	size_t n, cap, max;
};

void oid_set_init(struct oid_set *s, size_t max);
void oid_set_done(struct oid_set *s);

/* Borrowed until the next oid_set_add; NULL: it is not there. */
struct oid_note *oid_set_find(const struct oid_set *s, const git_oid *oid);

/* Adds what is not there yet, with zeros. -E2BIG: over max; -ENOMEM. */
int oid_set_add(struct oid_set *s, const git_oid *oid, struct oid_note **ret);
