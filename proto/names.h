/* What people and Spaces may be called. Knows no database. */
#pragma once

#include "base/err.h"

#define OWNER_MAX 39
#define SPACE_NAME_MAX 95
#define REPO_NAME_MAX SPACE_NAME_MAX /* of every kind */
#define TEMPLATES_OWNER "vitrine"    /* belongs to the platform: only administrators push there */

/*
 * [a-z0-9-], no "--", no '-' at either end. -EINVAL with words that name what, as in "owner".
 * owner_check also refuses names that are part of the platform's own URLs.
 */
int owner_check(const char *name, struct err *e);
int space_name_check(const char *name, struct err *e);

/* Of a model or dataset: [A-Za-z0-9._-], no "--" or "..", no '.' or '-' at either end, no ".git".
 */
int repo_name_check(const char *name, struct err *e);
