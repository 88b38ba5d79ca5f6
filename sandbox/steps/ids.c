#include "sandbox/steps/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/steps/write_at.h"

static int write_maps(int proc_fd, const char *who, unsigned int inside_uid,
	unsigned int inside_gid, uid_t uid, gid_t gid)
{
	char path[64], line[64];
	int r;

	/* user_namespaces(7): setgroups must be "deny" before an unprivileged gid_map. */
	(void)snprintf(path, sizeof(path), "%s/setgroups", who);
	r = write_at(proc_fd, path, "deny");
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/gid_map", who);
	(void)snprintf(line, sizeof(line), "%u %u 1", inside_gid, gid);
	r = write_at(proc_fd, path, line);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/uid_map", who);
	(void)snprintf(line, sizeof(line), "%u %u 1", inside_uid, uid);
	return write_at(proc_fd, path, line);
}

int ids_write_maps(int proc_fd, pid_t pid, uid_t host_uid, gid_t host_gid)
{
	char who[16];

	if (host_uid == 0 || host_gid == 0)
		return -EINVAL;
	(void)snprintf(who, sizeof(who), "%d", pid);
	return write_maps(proc_fd, who, BOX_INSIDE_ID, BOX_INSIDE_ID, host_uid, host_gid);
}

int ids_map_self(int proc_fd, uid_t uid, gid_t gid)
{
	return write_maps(proc_fd, "self", uid, gid, uid, gid);
}

int ids_assume(void)
{
	if (setresgid(BOX_INSIDE_ID, BOX_INSIDE_ID, BOX_INSIDE_ID) < 0)
		return -errno;
	if (setresuid(BOX_INSIDE_ID, BOX_INSIDE_ID, BOX_INSIDE_ID) < 0)
		return -errno;
	return 0;
}
