/* 46 to 52, 62, 66, 67, 68, 80: files, folders, mounts, and what can be learned from them. */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"

#define FILES_LOOKED_AT 1024
#define FILES_OF_A_WORKER 5
#define OWN_LOCK 37 /* F_OFD_SETLK */

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#define SYS_listmount 458
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

/* glibc's fcntl.h and linux/fcntl.h cannot both be had. */
#define NOTIFY_OF_FOLDER 1026
#define SET_LEASE 1024

static struct flock lock = {.l_type = F_WRLCK};
static struct iovec whole_page = {probe_page, sizeof(probe_page)};
static unsigned long open_how[3];

#define OPEN(name, path) CALL(name, SYS_open, path, O_RDONLY | O_NONBLOCK)

/* --- paths of the host --- */

OPEN(open_passwd, "/etc/passwd")
OPEN(open_shadow, "/etc/shadow")
OPEN(open_usr, "/usr")
OPEN(open_root_home, "/root")
OPEN(open_home, "/home")
OPEN(open_var, "/var")
OPEN(open_tmp, "/tmp")
OPEN(open_run, "/run")
OPEN(open_above_root, "../../../etc/shadow")
CALL(openat_above_root, SYS_openat, AT_FDCWD, "../../../etc/shadow", O_RDONLY)
CALL(openat2, SYS_openat2, AT_FDCWD, "/", open_how, sizeof(open_how))
CALL(creat, SYS_creat, NO_PATH, 0600)
CALL(stat, SYS_stat, "/etc/passwd", probe_page)
CALL(lstat, SYS_lstat, "/etc/passwd", probe_page)
CALL(newfstatat, SYS_newfstatat, AT_FDCWD, "/etc/passwd", probe_page, 0)
CALL(statx, SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0, probe_page)
CALL(access, SYS_access, "/etc/passwd", R_OK)
CALL(faccessat, SYS_faccessat, AT_FDCWD, "/etc/passwd", R_OK)
CALL(faccessat2, SYS_faccessat2, AT_FDCWD, "/etc/passwd", R_OK, 0)
CALL(statfs, SYS_statfs, "/", probe_page)
CALL(fstatfs, SYS_fstatfs, 0, probe_page)

/* --- folders --- */

CALL(list_root, SYS_getdents64, 0, probe_page, sizeof(probe_page))
CALL(list_root_old, SYS_getdents, 0, probe_page, sizeof(probe_page))
CALL(open_root_folder, SYS_open, "/", O_RDONLY | O_DIRECTORY)
CALL(open_root_path, SYS_open, "/", O_PATH)
CALL(cwd, SYS_getcwd, probe_page, sizeof(probe_page))
CALL(chdir, SYS_chdir, "/")
CALL(fchdir, SYS_fchdir, 0)

/* --- what it was born with --- */

/* 0 when the files are exactly 0 to 4, and all but /dev/null cannot be sought in: no folder, no
 * regular file. */
long attack_inherited_files(void)
{
	for (int fd = 0; fd < FILES_LOOKED_AT; fd++) {
		long r = call(SYS_fcntl, fd, F_GETFD);

		if ((r >= 0) != (fd < FILES_OF_A_WORKER))
			return -ENFILE;
		if (r >= 0 && fd > 0 && call(SYS_lseek, fd, 0, SEEK_CUR) != -ESPIPE)
			return -ENOTSOCK;
	}
	return 0;
}

/* From whatever folder may have been left open. */
long attack_open_below_inherited(void)
{
	long r = -EBADF;

	for (int fd = 0; fd < FILES_LOOKED_AT; fd++) {
		r = call(SYS_openat, fd, ".", O_PATH | O_DIRECTORY);
		if (r >= 0)
			break;
	}
	return r;
}

long attack_environment(void)
{
	return environ[0] ? -E2BIG : 0;
}

/* --- file systems that the kernel fills --- */

OPEN(open_proc, "/proc")
OPEN(open_own_maps, "/proc/self/maps")
OPEN(open_own_memory, "/proc/self/mem")
OPEN(open_own_program, "/proc/self/exe")
OPEN(open_root_of_first, "/proc/1/root")
OPEN(open_environment_of_first, "/proc/1/environ")
OPEN(open_other_process, "/proc/2/status")
OPEN(open_keys, "/proc/keys")
OPEN(open_kernel_symbols, "/proc/kallsyms")
OPEN(open_timers, "/proc/timer_list")
OPEN(open_connections, "/proc/net/tcp")
CALL(open_core_pattern, SYS_open, "/proc/sys/kernel/core_pattern", O_WRONLY)
CALL(readlink_self, SYS_readlink, "/proc/self/exe", probe_page, sizeof(probe_page))
CALL(readlinkat_self, SYS_readlinkat, AT_FDCWD, "/proc/self/exe", probe_page, sizeof(probe_page))
OPEN(open_sys, "/sys")
OPEN(open_cgroups, "/sys/fs/cgroup")
OPEN(open_dev, "/dev")
OPEN(open_null, "/dev/null")
OPEN(open_memory_device, "/dev/mem")
OPEN(open_kernel_log, "/dev/kmsg")
OPEN(open_terminals, "/dev/ptmx")
OPEN(open_shared_memory, "/dev/shm")

/* --- locks and watches as a channel --- */

CALL(flock, SYS_flock, 0, 1)
CALL(fcntl_lock, SYS_fcntl, 0, F_SETLK, &lock)
CALL(fcntl_own_lock, SYS_fcntl, 0, OWN_LOCK, &lock)
CALL(fcntl_lease, SYS_fcntl, 0, SET_LEASE, F_RDLCK)
CALL(fcntl_notify, SYS_fcntl, 0, NOTIFY_OF_FOLDER, 1)
CALL(inotify, SYS_inotify_init1, 0)
CALL(inotify_old, SYS_inotify_init)
CALL(inotify_watch, SYS_inotify_add_watch, 0, "/", IN_ACCESS)
CALL(fanotify, SYS_fanotify_init, 0, 0)
CALL(fanotify_mark, SYS_fanotify_mark, 0, 1, 0, AT_FDCWD, "/")

/* --- mounts --- */

CALL(mount, SYS_mount, "x", "/", "tmpfs", 0, NULL)
CALL(mount_proc, SYS_mount, "x", "/", "proc", 0, NULL)
CALL(bind_mount, SYS_mount, "/", "/", NULL, MS_BIND | MS_REC, NULL)
CALL(remount, SYS_mount, NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL)
CALL(umount, SYS_umount2, "/", 0)
CALL(detach, SYS_umount2, "/", MNT_DETACH)
CALL(pivot_root, SYS_pivot_root, ".", ".")
CALL(chroot, SYS_chroot, "/")
CALL(fsopen, SYS_fsopen, "tmpfs", 0)
CALL(fspick, SYS_fspick, AT_FDCWD, "/", 0)
CALL(fsconfig, SYS_fsconfig, 0, 6, NULL, NULL, 0)
CALL(fsmount, SYS_fsmount, 0, 0, 0)
CALL(open_tree, SYS_open_tree, AT_FDCWD, "/", 0)
CALL(open_tree_clone, SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE)
CALL(open_tree_attributes, SYS_open_tree_attr, AT_FDCWD, "/", 0, NULL, 0)
CALL(move_mount, SYS_move_mount, AT_FDCWD, "/", AT_FDCWD, "/", 0)
CALL(mount_setattr, SYS_mount_setattr, AT_FDCWD, "/", 0, probe_page, 32)
CALL(statmount, SYS_statmount, probe_page, probe_page, sizeof(probe_page), 0)
CALL(listmount, SYS_listmount, probe_page, probe_page, 8, 0)

/* --- handles, nodes, attributes --- */

CALL(name_to_handle, SYS_name_to_handle_at, AT_FDCWD, "/", probe_page, probe_page, 0)
CALL(open_by_handle, SYS_open_by_handle_at, 0, probe_page, 0)
CALL(mknod, SYS_mknod, NO_PATH, S_IFCHR | 0600, 0x0103)
CALL(mknodat, SYS_mknodat, AT_FDCWD, NO_PATH, S_IFCHR | 0600, 0x0103)
CALL(chmod, SYS_chmod, "/", 04777)
CALL(fchmod, SYS_fchmod, 0, 04777)
CALL(fchmodat, SYS_fchmodat, AT_FDCWD, "/", 04777)
CALL(fchmodat2, SYS_fchmodat2, AT_FDCWD, "/", 04777, 0)
CALL(chown, SYS_chown, "/", 0, 0)
CALL(fchown, SYS_fchown, 0, 0, 0)
CALL(fchownat, SYS_fchownat, AT_FDCWD, "/", 0, 0, 0)
CALL(link, SYS_link, NO_PATH, NO_PATH "-2")
CALL(linkat, SYS_linkat, AT_FDCWD, NO_PATH, AT_FDCWD, NO_PATH "-2", 0)
CALL(symlink, SYS_symlink, "x", NO_PATH)
CALL(rename, SYS_rename, NO_PATH, NO_PATH "-2")
CALL(renameat2, SYS_renameat2, AT_FDCWD, NO_PATH, AT_FDCWD, NO_PATH "-2", 0)
CALL(unlink, SYS_unlink, NO_PATH)
CALL(rmdir, SYS_rmdir, NO_PATH)
CALL(setxattr, SYS_setxattr, "/", "user.x", "x", 1, 0)
CALL(fsetxattr, SYS_fsetxattr, 0, "user.x", "x", 1, 0)
CALL(setxattrat, SYS_setxattrat, AT_FDCWD, "/", 0, "user.x", NULL, 0)
CALL(getxattr, SYS_getxattr, "/", "user.x", probe_page, sizeof(probe_page))
CALL(listxattr, SYS_listxattr, "/", probe_page, sizeof(probe_page))
CALL(utimensat, SYS_utimensat, AT_FDCWD, "/", NULL, 0)

/* --- bytes from file to file, past read and write --- */

CALL(splice, SYS_splice, 0, 0, 1, 0, 1, 2)
CALL(vmsplice, SYS_vmsplice, 1, &whole_page, 1, 2)
CALL(tee, SYS_tee, 1, 1, 1, 2)
CALL(sendfile, SYS_sendfile, 1, 0, 0, 1)
CALL(copy_file_range, SYS_copy_file_range, 0, 0, 1, 0, 1, 0)
