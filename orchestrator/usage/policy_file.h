/*
 * The policy file: YAML, read strictly. What it does not know, what is out of range and what names
 * a tier that is not there is refused with its place; nothing of such a file counts.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "orchestrator/usage/policy.h"

#define POLICY_FILE_MAX (128u << 10)
#define POLICY_FILE_NAME "policy.yaml" /* in words, whatever the file is called */
#define POLICY_DAY_SEC_MAX 8640000     /* of a hundred devices */

/* Reads n bytes. -EINVAL: words begin with "policy.yaml:LINE:COLUMN: ". -ENOMEM. Caller owns *ret.
 */
int usage_policy_read(const char *text, size_t n, struct usage_policy **ret, struct err *e);
