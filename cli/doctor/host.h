/* What is worth knowing about the machine: facts, and notes on what could be set better. */
#pragma once

#include "cli/doctor/report.h"
#include "cli/host/layout.h"

/* Adds them to the report. layout: whose data folder is looked at. */
void host_report(struct report *r, const struct layout *layout);
