/* vitrine test: a folder's test.lua in the box where a push would run it, without a push. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/dev/desk.h"
#include "cli/paint.h"

#define SAID_MAX (1u << 20)

static int test(const char *dir, struct err *e)
{
	CLEANUP(buf_done) struct buf said;
	enum desk_push came = DESK_SAME;
	char path[DESK_PATH + 16];
	struct desk d;
	int r;

	buf_init(&said, SAID_MAX);
	(void)snprintf(path, sizeof(path), "%s/test.lua", dir);
	if (access(path, R_OK) < 0)
		return err_set(e, -ENOENT, "%s: is not there", path);
	r = desk_start(&d, dir, "0", NULL, e);
	if (r < 0)
		return r;
	r = desk_env(&d, e);
	if (r >= 0)
		r = desk_push(&d, &said, &came, e);
	desk_stop(&d);
	if (r < 0)
		return r;
	paint_build(buf_str(&said), true);
	return came == DESK_LIVE ? 0 : 1;
}

int cmd_test(int argc, char **argv)
{
	static const struct option known[] = {{0}};
	struct err e = {0};
	int r;

	if (getopt_long(argc, argv, "", known, NULL) != -1)
		return 2;
	if (argc - optind > 1) {
		fprintf(stderr, "usage: vitrine test [DIR]\n");
		return 2;
	}
	r = test(optind < argc ? argv[optind] : ".", &e);
	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	return r < 0 ? 1 : r;
}
