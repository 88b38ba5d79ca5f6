#include "inference/confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* The rights of ABI 1; a right that is handled and never granted is denied. */
#define ALL_FILE_ACCESS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

void confine_self(void)
{
	struct landlock_ruleset_attr rules = {.handled_access_fs = ALL_FILE_ACCESS};
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warn("no_new_privs: %s", strerror(errno));
#if defined(__SANITIZE_ADDRESS__)
	return; /* the sanitizer reads /proc when the process ends */
#endif
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		log_warn("not dumpable: %s", strerror(errno));
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		log_warn("files stay reachable, Landlock is missing: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}
