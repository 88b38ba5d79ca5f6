/* An agent that was taken over, at boxd's desk. No file travels here, so no box is built; whatever
 * comes, the desk goes on with the next agent. Run with -close_fd_mask=2: it logs. */
#include "sandbox/desk.h"

#include <string.h>

#include "base/log.h"
#include "tests/support/packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host host = {
		.slots = 16, .proc_fd = -1, .null_fd = -1, .self_fd = -1, .worker_fd = -1};
	static struct loop *loop;
	static struct desk *desk;
	int fd;

	if (!loop) {
		buf_init(&host.report, 4096);
		MUST(loop_new(&loop) == 0);
		MUST(desk_new(loop, packets_listen("box.sock"), getuid(), &host, &desk) == 0);
	}
	fd = packets_connect("box.sock");
	packets_spin(loop, 2);
	packets_feed(fd, loop, data, size);
	close(fd);
	packets_spin(loop, 4);
	return 0;
}
