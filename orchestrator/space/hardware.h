/*
 * The hardware that a Space may ask for, by the names that the hub's clients use: one flavour for
 * each class of boxes, beside those that a policy makes (usage/flavours.h). Where it makes none any
 * other may be asked for too (clients know many); it is kept as a wish and changes nothing. Knows
 * no row.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "proto/box_class.h"

#define FLAVOR_MAX 32

/* "cpu-basic", … of a class's name. Static text. */
const char *hardware_flavor(const char *class);

/* The class of a flavour that this host has; NULL: it has none of that name. Static text. */
const char *hardware_class(const char *flavor);

/* Whether it may be a flavour's name. -EINVAL with words that begin with the field. */
int hardware_check(const char *flavor, struct err *e);

/* What this host has, as GET /api/spaces/hardware lists it. NULL: out of memory. The caller's. */
json_t *hardware_list(const struct box_classes *classes);

/* One more row of it: a flavour of the policy's; class and device may be "". */
json_t *hardware_object(
	const struct box_classes *classes, const char *name, const char *class, const char *device);
