/* The part of policy.h that reads what a file or link holds. */
#pragma once

#include <git2.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct policy_content {
	git_odb *odb;        /* borrowed */
	const char *objects; /* the folder where this one lies */
	int (*open_lfs)(const char *oid, uint64_t *ret_size, void *data);
	void *data;
	bool space, secrets; /* a Space's rules; look for secrets */
	bool only_pickles;   /* all else has been asked before, by another name */
	void (*on_finding)(const char *words, void *data);
	void *finding_data;
};

/* Negative errno: it cannot be read. What is wrong with it is a finding. */
int policy_check_file(
	const struct policy_content *c, const char *path, const git_oid *oid, struct err *e);

/* ret_climb: through how many folders above its own it leads, wherever it stands. */
int policy_check_link(const struct policy_content *c, const char *path, const git_oid *oid,
	uint8_t *ret_climb, struct err *e);
