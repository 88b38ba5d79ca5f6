#include "sandbox/steps/root.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* Any folder serves as the place to mount on; /proc exists, because boxd works with it. */
#define PLACE "/proc"

int root_empty(void)
{
	/* Private first, so that nothing here travels back to the host. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mount("box", PLACE, "tmpfs", FLAGS, "size=64k,nr_inodes=32,mode=0755") < 0)
		return -errno;
	if (chdir(PLACE) < 0)
		return -errno;
	if (mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY | FLAGS, NULL) < 0)
		return -errno;
	/* pivot_root(2), "pivot_root(".", ".")": the old root ends up below the new one. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	if (umount2(".", MNT_DETACH) < 0)
		return -errno;
	return chdir("/") < 0 ? -errno : 0;
}
