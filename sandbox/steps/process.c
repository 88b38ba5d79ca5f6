#include "sandbox/steps/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_NAME "space"

int process_settle(void)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	if (setsid() < 0)
		return -errno;
	(void)umask(077);
	return sethostname(HOST_NAME, sizeof(HOST_NAME) - 1) < 0 ? -errno : 0;
}

int process_die_with_parent(int parent_fd)
{
	struct pollfd p = {.fd = parent_fd, .events = POLLIN};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (poll(&p, 1, 0) < 0)
		return -errno;
	return p.revents ? -EPIPE : 0;
}

void process_limit_speculation(void)
{
	const int kinds[] = {PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH};

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int now = prctl(PR_GET_SPECULATION_CTRL, kinds[i], 0, 0, 0);

		if (now > 0 && (now & PR_SPEC_PRCTL))
			(void)prctl(PR_SET_SPECULATION_CTRL, kinds[i], PR_SPEC_FORCE_DISABLE, 0, 0);
	}
}
