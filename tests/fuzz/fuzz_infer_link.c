/*
 * A worker's infer link and an agent's control link at inference, with the shipped models where
 * they are. The first byte chooses the link; the engine runs a few steps of what was asked. Run
 * with -close_fd_mask=2: it logs.
 */
#include <fcntl.h>
#include <string.h>

#include "base/link.h"
#include "inference/peers/service.h"
#include "proto/messages.h"
#include "tests/support/packets.h"

static struct loop *loop;
static struct service *service;

static void begin(void)
{
	const char *dirs[] = {packets_dir(), MODELS_DIR};
	struct device *device;
	struct shelf *shelf;
	struct engine *engine;
	struct err e = {0};

	MUST(device_open("cpu", NULL, &device, &e) == 0);
	MUST(shelf_open(dirs, access(MODELS_DIR, R_OK) < 0 ? 1 : 2, device, UINT64_MAX, &shelf,
		     &e) == 0);
	shelf_load_all(shelf);
	MUST(engine_new(&engine) == 0 && loop_new(&loop) == 0);
	MUST(service_new(loop, engine, shelf, &service) == 0);
}

static int dial(void)
{
	int pair[2];

	MUST(link_pair(pair) == 0);
	service_add_control(service, pair[1]);
	packets_drain(pair[0]);
	return pair[0];
}

/* A worker's end whose other one the agent hands over. */
static int attach(int agent)
{
	static const char value[] = "{\"replica\":\"r\",\"space\":\"s\"}";
	const struct frame f = {.type = MODELS_ATTACH,
		.value = (const uint8_t *)value,
		.length = sizeof(value) - 1};
	int pair[2];

	MUST(link_pair(pair) == 0);
	MUST(link_post(agent, &f, &pair[1], 1) == 0);
	close(pair[1]);
	packets_spin(loop, 2);
	return pair[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int agent, worker;

	if (size == 0)
		return 0;
	if (!service)
		begin();
	agent = dial();
	worker = attach(agent);
	packets_feed(data[0] & 1 ? agent : worker, loop, data + 1, size - 1);
	close(worker);
	close(agent);
	packets_spin(loop, 8);
	return 0;
}
