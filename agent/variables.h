/*
 * What an app is told of where it runs: the variables of its Space, and those that the platform
 * sets (SPACE_ID and so on), with its secrets, as the file that goes with app.APP. Knows no links.
 */
#pragma once

#include "agent/job.h"
#include "agent/settings.h"
#include "proto/box_class.h"

struct app_place {
	char host[256]; /* of the platform's address, with its port; "": not known */
	struct box_classes classes;
};

/* url: of the platform. */
void app_place_init(struct app_place *p, const char *url, const struct box_classes *classes);

/* A sealed memfd, the caller's: the JSON object {variables, secrets}. s may be NULL. -errno. */
int app_settings_file(
	const struct app_place *p, const struct job *j, const struct settings *s, struct err *e);
