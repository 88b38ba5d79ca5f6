#include "agent/meter.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/test.h"

TEST(processor_time_of_another_process_is_read_from_outside)
{
	uint64_t before, after;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		for (;;)
			;
	CHECK(meter_read(pid, &before) == 0);
	do
		CHECK(meter_read(pid, &after) == 0);
	while (after - before < 20 * USEC_PER_MSEC);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	CHECK(meter_read(pid, &after) == -ESRCH);
}

TEST_MAIN()
