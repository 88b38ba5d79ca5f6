#include "sandbox/steps/program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PROGRAM_NAME "vitrine-worker"
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

static int make_memfd(void)
{
	int fd = memfd_create(PROGRAM_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	/* Before Linux 6.3 the flag is unknown, and every memfd may be executed. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(PROGRAM_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int copy_all(int from, int to)
{
	off_t at = 0;
	struct stat st;

	if (fstat(from, &st) < 0)
		return -errno;
	while (at < st.st_size) {
		ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
	}
	return 0;
}

int program_seal(int fd, struct err *e)
{
	CLEANUP(closep) int copy = make_memfd();
	char magic[4];
	int r;

	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, "\177ELF", 4) != 0)
		return err_set(e, -ENOEXEC, "the worker file is not a program");
	if (copy < 0)
		return err_set(e, copy, "cannot make an executable memory file: %s%s",
			strerror(-copy),
			copy == -EACCES ? " (vm.memfd_noexec is 2; boxes need 0 or 1)" : "");
	r = copy_all(fd, copy);
	if (r < 0)
		return err_set(e, r, "cannot copy the worker program: %s", strerror(-r));
	if (fchmod(copy, 0111) < 0 || fcntl(copy, F_ADD_SEALS, ALL_SEALS) < 0)
		return err_set(e, -errno, "cannot seal the worker program: %s", strerror(errno));
	return TAKE_FD(copy);
}

int program_exec(int fd, bool rehearse)
{
	char *const argv[] = {(char *)PROGRAM_NAME, rehearse ? (char *)"--rehearse" : NULL, NULL};
	char *const envp[] = {NULL};

	(void)syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	return -errno;
}
