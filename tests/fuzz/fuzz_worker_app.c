/*
 * What a tenant pushes: the input is a Lua file, loaded as the app under check and then clicked
 * through. It may do what it likes within its limits; the worker answers HELLO or LOAD_FAILED. Run
 * with -close_fd_mask=2: it logs.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/fs.h"
#include "base/link.h"
#include "proto/bundle.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "sdk-lua/host/worker.h"
#include "tests/support/fuzz.h"

static void give_app(int fd, const uint8_t *data, size_t size)
{
	const struct app_app m = {.space = "s",
		.owner = "o",
		.name = "n",
		.bundle = "b",
		.entry = "app.lua",
		.check = true};
	struct frame f = {.type = APP_APP};
	struct buf bundle, value;
	int file;

	buf_init(&bundle, 2 << 20);
	buf_init(&value, 4096);
	MUST(bundle_begin(&bundle, 1, NULL) == 0);
	MUST(bundle_add(&bundle, "app.lua", data, size, NULL) == 0);
	MUST(app_app_write(&m, &value) == 0);
	file = fs_memfd_sealed("bundle", bundle.data, bundle.len, NULL);
	f.value = value.data;
	f.length = value.len;
	MUST(file >= 0 && link_post(fd, &f, &file, 1) == 0);
	close(file);
	buf_done(&bundle);
	buf_done(&value);
}

/* The answer's type once it is there, 0 before. */
static uint8_t answer(int fd)
{
	static uint8_t bytes[FRAME_PACKET_MAX];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct frame f;

	if (n <= 0)
		return 0;
	MUST(frame_read(&f, bytes, (size_t)n, NULL) > 0);
	return f.type;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct worker_options o;
	struct worker *w = NULL;
	uint8_t type = 0;
	int pair[2], r = 0;

	if (size > 1 << 20)
		return 0;
	worker_options_default(&o);
	o.handler_cpu_usec = 200000;
	o.preempt.stall_usec = 100000;
	o.heap_max = 16 << 20;
	MUST(link_pair(pair) == 0);
	o.app_fd = pair[1];
	MUST(worker_new(&o, &w, NULL) == 0);
	give_app(pair[0], data, size);
	while (type == 0 && r == 0) {
		r = worker_step(w, 20);
		type = answer(pair[0]);
	}
	MUST(type == APP_HELLO || type == APP_LOAD_FAILED);
	(void)worker_free(w);
	close(pair[0]);
	preempt_disarm();
	return 0;
}
