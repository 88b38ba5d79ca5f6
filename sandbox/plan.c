#include "sandbox/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "proto/box_class.h"

static bool is_pipe_to_write(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY && fstat(fd, &st) == 0 &&
	       S_ISFIFO(st.st_mode);
}

static bool is_option(int fd, int option, int want)
{
	int got = 0;
	socklen_t len = sizeof(got);

	return getsockopt(fd, SOL_SOCKET, option, &got, &len) == 0 && got == want;
}

static bool is_packet_link(int fd)
{
	return is_option(fd, SO_DOMAIN, AF_UNIX) && is_option(fd, SO_TYPE, SOCK_SEQPACKET) &&
	       is_option(fd, SO_ACCEPTCONN, 0);
}

int box_plan_check(const struct box_plan *plan, unsigned int slots, struct err *e)
{
	if (plan->slot >= slots)
		return err_set(e, -EPROTO, "slot %u is not below %u", plan->slot, slots);
	if (plan->class < BOX_SMALL || plan->class >= BOX_CLASSES)
		return err_set(e, -EPROTO, "slot %u: no such class of box", plan->slot);
	if (!is_pipe_to_write(plan->log_fd))
		return err_set(
			e, -EPROTO, "slot %u: the log file is not a pipe to write to", plan->slot);
	if (!is_packet_link(plan->app_fd))
		return err_set(
			e, -EPROTO, "slot %u: the app link is not a packet socket", plan->slot);
	if (!is_packet_link(plan->infer_fd))
		return err_set(
			e, -EPROTO, "slot %u: the infer link is not a packet socket", plan->slot);
	return 0;
}
