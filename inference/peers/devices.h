/*
 * Devices in and out of service: what faults and administrators do to calls that are on them, and
 * the orders of administrators (models.DEVICE).
 */
#pragma once

#include "base/err.h"
#include "base/link.h"

struct control;
struct service;

/* After each step and each load: a device that has failed is taken out of service, and those who
 * wait go on elsewhere. */
void devices_check(struct service *s);

int devices_on_order(
	struct control *c, const struct frame *f, struct link_files *files, struct err *e);
