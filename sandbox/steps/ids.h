/* User and group ids of a box. Kernel: user_namespaces(7). */
#pragma once

#include <sys/types.h>

#define BOX_INSIDE_ID 1000 /* the one uid and gid a box knows; never 0 */

/*
 * By boxd, for the waiting child: setgroups denied, then one line each, inside 1000 -> host_id.
 * proc_fd: /proc. -EPERM: host_id may not be mapped by this user. -EINVAL: host_id is 0, which is
 * never mapped. -errno of opening the child's files.
 */
int ids_write_maps(int proc_fd, pid_t pid, uid_t host_uid, gid_t host_gid);

/* By the child, before it makes any file: becomes 1000. -EINVAL: there is no map yet. */
int ids_assume(void);

/* Of the calling process after unshare(CLONE_NEWUSER): maps its id before that to itself. */
int ids_map_self(int proc_fd, uid_t uid, gid_t gid);
