/* A gateway that was taken over, at the agent: wakes, stops and notes for boxes there are none of,
 * because no boxd answers. Run with -close_fd_mask=2: it logs. */
#include <string.h>

#include "agent/node.h"
#include "agent/peers.h"
#include "tests/support/packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop *loop;
	static struct node *node;
	static struct peers *peers;
	int fd;

	if (!loop) {
		const struct box_pool pool = {0};
		const struct app_place place = {.classes = box_classes_default};
		struct peers_config config = {.run_dir = packets_dir(), .gateway_uid = getuid()};
		struct err e = {0};

		config.wake_fd = packets_listen("wake.sock");
		MUST(loop_new(&loop) == 0);
		MUST(node_new(loop, packets_dir(), &pool, &place, &node, &e) == 0);
		MUST(peers_new(loop, node, &config, &peers, &e) == 0);
	}
	fd = packets_connect("wake.sock");
	packets_spin(loop, 2);
	packets_feed(fd, loop, data, size);
	close(fd);
	packets_spin(loop, 4);
	return 0;
}
