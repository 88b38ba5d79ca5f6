/*
 * What this boxd holds and what this machine lets it enforce.
 *
 * Made once at start while there is still privilege, read by every box. The report is for people:
 * the HOST message and stderr say the same lines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/box_class.h"
#include "sandbox/steps/cgroup.h"

struct host_options {
	int worker_fd;
	unsigned int slots;
	uid_t uid;       /* to become, when started by root */
	uid_t slot_uids; /* first of the boxes' uids on the host */
	struct box_classes classes;
	bool dense; /* boxes share one empty network namespace */
};

struct host {
	unsigned int slots;
	struct box_classes classes;
	bool dense;        /* boxes share our own network namespace, which is empty */
	bool uid_per_slot; /* false: every box runs as our own uid, without privilege */
	bool rooted;       /* our root is empty and read-only, and so is that of every box */
	uid_t uid;         /* ours */
	gid_t gid;
	uid_t slot_uids;
	int proc_fd;   /* owned: /proc */
	int null_fd;   /* owned: /dev/null */
	int self_fd;   /* owned: pidfd of boxd, for children to see it die */
	int worker_fd; /* owned: the sealed program */
	struct cgroup_home cgroups;
	struct buf report; /* lines, each "in force: …" or "not enforced: …" */
};

/*
 * Takes what needs privilege, then gives the privilege up: becomes options->uid with CAP_SETUID,
 * CAP_SETGID and CAP_KILL only (as root), or an own user namespace without any (as somebody
 * else). Fails with words when the worker is no program or privilege cannot be given up; whatever
 * else is missing goes to the report.
 */
int host_prepare(struct host *ret, const struct host_options *options, struct err *e);
void host_done(struct host *host);

/* The uid and gid on the host that a slot's box runs as. */
uid_t host_slot_uid(const struct host *host, unsigned int slot);
gid_t host_slot_gid(const struct host *host, unsigned int slot);

/* Adds a line to the report. */
void host_note(struct host *host, bool in_force, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Why the kernel may forbid boxes here, in words ("" when nothing is known). Static text. */
const char *host_hint(const struct host *host, int code);
