/* An agent that was taken over, at the orchestrator: what it reports, wants and logs. Run with
 * -close_fd_mask=2: it logs. */
#include "orchestrator/peers/agent.h"

#include <string.h>

#include "base/utf8.h"
#include "tests/support/packets.h"

static void on_log(const struct agent_log *m, void *data)
{
	size_t n = strlen(m->line);

	(void)data;
	MUST(strlen(m->space) <= 32 && strlen(m->replica) <= 32 && n <= 8192);
	for (size_t i = 0; i < n;) {
		size_t length = utf8_length((const unsigned char *)m->line + i, n - i);

		MUST(length > 0);
		i += length;
	}
}

static void on_worker(const struct agent_worker *m, size_t replicas, void *data)
{
	(void)data;
	MUST(strlen(m->space) <= 32 && strlen(m->replica) <= 32 && replicas <= 4096);
}

static void on_want_settings(const struct agent_want_settings *m, void *data)
{
	(void)data;
	MUST(strlen(m->space) <= 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agent_peer_config config = {
		.on_log = on_log, .on_worker = on_worker, .on_want_settings = on_want_settings};
	static struct agent_peer *peer;
	json_t *workers;
	int fd;

	if (!peer) {
		MUST(loop_new(&config.loop) == 0);
		MUST(blob_store_open(packets_dir(), &config.blobs, NULL) == 0);
		config.listen_fd = packets_listen("agent.sock");
		config.uid = getuid();
		MUST(agent_peer_new(&config, &peer) == 0);
	}
	fd = packets_connect("agent.sock");
	packets_spin(config.loop, 2);
	packets_feed(fd, config.loop, data, size);
	workers = agent_peer_workers(peer);
	MUST(workers && json_array_size(workers) <= 4096);
	json_decref(workers);
	close(fd);
	packets_spin(config.loop, 4);
	return 0;
}
