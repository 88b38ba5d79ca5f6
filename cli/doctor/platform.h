/* The platform that runs in a data folder, seen from outside: does it answer, are its processes
 * held as they should be. Asks for nothing that it would not do anyway. */
#pragma once

#include "cli/doctor/report.h"

/* Adds what runs in that folder; nothing where no platform ever ran. */
void platform_report(struct report *r, const char *data);
