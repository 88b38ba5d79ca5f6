/*
 * A platform of one's own for one folder, as vitrine dev and vitrine test want it: the same
 * programs and boxes as anywhere, with data that is thrown away. What is in the folder reaches it
 * as a push, through a git directory beside the data, so the folder's own history stays as it is.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "proto/names.h"

#define DESK_PATH 512

struct desk {
	char dir[DESK_PATH];            /* the Space's folder, absolute */
	char work[DESK_PATH];           /* ours, temporary; "": none */
	char data[DESK_PATH + 16];      /* of the platform */
	char space[SPACE_NAME_MAX + 1]; /* its name; the owner is admin */
	char url[128], token[128];
	pid_t up;    /* vitrine up; 0: does not run */
	bool pushed; /* something was committed before */
	bool made;   /* the Space was there before its first push, for its settings */
};

/*
 * Starts the platform for a folder and waits until it answers. port: "0" for any that is free. Its
 * app may ask every public host that it names; private: addresses inside that it may reach too, or
 * NULL.
 * -errno with words, its last lines among them.
 */
int desk_start(
	struct desk *d, const char *dir, const char *port, const char *private, struct err *e);

/*
 * The folder's .env (env_file.h) as the Space's variables and as its secrets; it is never pushed.
 * Returns how many there are, 0 without such a file; -errno with ".env:LINE: …".
 */
int desk_env(struct desk *d, struct err *e);

enum desk_push { DESK_SAME, DESK_LIVE, DESK_REFUSED };

/*
 * Pushes the folder as it is now. said: the platform's lines, each with its newline, without git's.
 * -errno: git failed for a reason of its own.
 */
int desk_push(struct desk *d, struct buf *said, enum desk_push *ret, struct err *e);

/* Ends the platform and removes what it left. */
void desk_stop(struct desk *d);
