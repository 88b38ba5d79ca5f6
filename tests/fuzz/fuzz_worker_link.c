/*
 * What a gateway, or a visitor through it, may send: the input is packets, each a u16 length and
 * its bytes, given to a worker with a page of every input component and one open session. Nothing
 * may crash it, and what it sends back stays within the protocol. Run with -close_fd_mask=2: it
 * logs.
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

#define ROUNDS_MAX 40

static const char app[] =
	"local ui = require 'vitrine.ui'\n"
	"return ui.page({ upgrade = function(old) return old end }, function(page)\n"
	"  local parts = {\n"
	"    ui.textbox { id = 'a', max_length = 100 }, ui.number { id = 'b', min = 0 }, ui.slider "
	"{ id = 'c' },\n"
	"    ui.checkbox { id = 'd' }, ui.radio { id = 'e', choices = { 'x', 'y' } },\n"
	"    ui.dropdown { id = 'f', choices = { 'x' }, multiple = true }, ui.image { id = 'g', "
	"upload = true },\n"
	"    ui.chatbot { id = 'h' }, ui.button { 'Go', id = 'go' } }\n"
	"  page:api('echo', { inputs = { ui.json { label = 'V' }, ui.textbox { label = 'T', value "
	"= 'x' "
	"},\n"
	"    ui.file { multiple = true, label = 'F' }, ui.dropdown { label = 'D', value = 'x', "
	"choices "
	"= { 'x' } } },\n"
	"    outputs = { ui.json {}, ui.textbox {} }, fn = function(v, t, f, d, session)\n"
	"    session.called = v\n"
	"    session:progress { index = 1, length = 2 }\n"
	"    coroutine.yield(v)\n"
	"    return v, t\n"
	"  end })\n"
	"  parts[9]:on_click { api_name = 'go', outputs = parts[8], inputs = { parts[1], parts[2], "
	"parts[7] }, fn = function(a, b, g, "
	"session, extra)\n"
	"    session.last = { a, b, extra }\n"
	"    if g then session.file = g:read() and 'read' end\n"
	"    parts[8]:append { role = 'user', content = a }\n"
	"  end }\n"
	"  page:on_load(function(session) session.query = session:query() end)\n"
	"  return ui.column(parts)\n"
	"end)\n";

static void give_app(int fd)
{
	const struct app_app m = {
		.space = "s", .owner = "o", .name = "n", .bundle = "b", .entry = "app.lua"};
	struct frame f = {.type = APP_APP};
	struct buf bundle, value;
	int file;

	buf_init(&bundle, 1 << 20);
	buf_init(&value, 4096);
	MUST(bundle_begin(&bundle, 1, NULL) == 0);
	MUST(bundle_add(&bundle, "app.lua", app, sizeof(app) - 1, NULL) == 0);
	MUST(app_app_write(&m, &value) == 0);
	file = fs_memfd_sealed("bundle", bundle.data, bundle.len, NULL);
	f.value = value.data;
	f.length = value.len;
	MUST(file >= 0 && link_post(fd, &f, &file, 1) == 0);
	close(file);
	buf_done(&bundle);
	buf_done(&value);
}

static void open_session(int fd)
{
	static const char value[] =
		"{\"session\":\"s\",\"image\":{},\"overlay\":[],"
		"\"files\":[{\"id\":\"f\",\"name\":\"n\",\"type\":\"t\",\"size\":1}]}";
	const struct frame f = {.type = APP_OPEN,
		.channel = 1,
		.value = (const uint8_t *)value,
		.length = sizeof(value) - 1};

	MUST(link_post(fd, &f, NULL, 0) == 0);
}

static void check_answers(int fd)
{
	static uint8_t bytes[FRAME_PACKET_MAX];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		size_t at = 0;

		while (at < (size_t)n) {
			struct frame f;
			int used = frame_read(&f, bytes + at, (size_t)n - at, NULL);

			MUST(used > 0);
			MUST(proto_value_max(PROTO_APP, PROTO_UP, f.type) >= (long)0);
			at += (size_t)used;
		}
	}
}

/* True once it has ended. */
static int run(struct worker *w, int fd)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		int r = worker_step(w, 0);

		MUST(r >= 0);
		if (r == 1)
			return 1;
		check_answers(fd);
	}
	return 0;
}

static void feed(struct worker *w, int fd, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t n = (size_t)data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		if (n && send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		data += n;
		size -= n;
		if (run(w, fd))
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct worker_options o;
	struct worker *w = NULL;
	int pair[2];

	worker_options_default(&o);
	o.handler_cpu_usec = 200000;
	MUST(link_pair(pair) == 0);
	o.app_fd = pair[1];
	MUST(worker_new(&o, &w, NULL) == 0);
	give_app(pair[0]);
	MUST(run(w, pair[0]) == 0);
	open_session(pair[0]);
	feed(w, pair[0], data, size);
	(void)worker_free(w);
	close(pair[0]);
	preempt_disarm();
	return 0;
}
