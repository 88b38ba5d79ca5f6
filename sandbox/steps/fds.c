#include "sandbox/steps/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PLACES 7
#define OUT_OF_THE_WAY 16

/* A log that would not block loses lines; the agent limits how fast it reads instead. */
static int make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int fds_place(const struct box_fds *fds)
{
	const int from[PLACES] = {
		fds->null, fds->log, fds->log, fds->app, fds->infer, fds->exec, fds->sync};
	int high[PLACES];

	for (int i = 0; i < PLACES; i++) {
		high[i] = fcntl(from[i] < 0 ? fds->null : from[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
		if (high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < PLACES; i++)
		if (dup3(high[i], i, i >= BOX_EXEC_FD ? O_CLOEXEC : 0) < 0)
			return -errno;
	if (close_range(PLACES, ~0u, 0) < 0)
		return -errno;
	return make_blocking(STDOUT_FILENO);
}
