/* Devices that fail, are drained, excluded and returned, under a service with two of them: whose
 * request is lost, and whose goes on elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link.h"
#include "inference/engine/shelf_inside.h"
#include "inference/peers/devices.h"
#include "inference/peers/inside.h"
#include "proto/messages.h"
#include "tests/unit/inference/asked.h"
#include "tests/unit/inference/faulty.h"

#define PATIENCE_USEC (30 * USEC_PER_SEC)
#define ROOMY (1ull << 30)

struct stand {
	char models[40], data[40];
	struct device *faulty, *cpu;
	struct loop *loop;
	struct engine *engine;
	struct shelf *shelf;
	struct service *service;
	struct link *control; /* the orchestrator's end */
	json_t *top;          /* owned; the newest */
	int64_t done;         /* id of the newest answer */
	char refusal[512];    /* its error */
};

/* --- the orchestrator --- */

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct stand *s = data;
	struct models_done done;
	struct models_top top;

	(void)l;
	(void)files;
	if (f->type == MODELS_TOP) {
		CHECK(models_top_read(&top, f->value, f->length, e) == 0);
		json_decref(s->top);
		s->top = json_incref(top.top);
		models_top_done(&top);
	} else if (f->type == MODELS_DONE) {
		CHECK(models_done_read(&done, f->value, f->length, e) == 0);
		s->done = done.id;
		snprintf(s->refusal, sizeof(s->refusal), "%s", done.error ? done.error : "");
		models_done_done(&done);
	}
	return 0;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	(void)reason;
	(void)data;
	CHECK(false);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_MODELS, PROTO_DOWN, type);
}

static void send_value(struct stand *s, uint8_t type, const struct buf *value)
{
	const struct frame f = {.type = type, .value = value->data, .length = value->len};

	CHECK(link_send(s->control, &f) == 0);
}

static void order(struct stand *s, const char *act, const char *reason)
{
	static int64_t last;
	struct models_device m = {.name = "faulty", .act = act, .reason = reason, .id = ++last};
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, 1024);
	CHECK(models_device_write(&m, &value) == 0);
	send_value(s, MODELS_DEVICE, &value);
	while (s->done != last)
		CHECK(loop_dispatch(s->loop, 100) == 0);
}

/* --- a stand --- */

static void on_changed(void *data)
{
	service_models_changed(((struct stand *)data)->service);
}

static bool on_release(struct model *m, void *data)
{
	return service_release_model(((struct stand *)data)->service, m);
}

static void on_strand(struct model *m, const struct err *why, void *data)
{
	service_strand_model(((struct stand *)data)->service, m, why);
}

static void add_model(const struct stand *s, const char *name, const char *of)
{
	char here[512], from[600], to[160];

	CHECK(getcwd(here, sizeof(here)));
	snprintf(from, sizeof(from), "%s/models/%s", here, of);
	snprintf(to, sizeof(to), "%s/%s", s->models, name);
	CHECK(symlink(from, to) == 0);
}

static void start(struct stand *s, uint64_t faulty_max, uint64_t cpu_max)
{
	static const struct shelf_ops shelf_ops = {on_changed, on_release, on_strand};
	static const struct link_ops link_ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	static const struct link_limits limits = {.queue_max = 1 << 20};
	const char *dirs[] = {s->models};
	struct models_taken taken = {.journal = ""};
	CLEANUP(buf_done) struct buf value;
	struct err e = {0};
	int fds[2];

	s->faulty = faulty_open();
	CHECK(device_open("cpu", NULL, &s->cpu, NULL) == 0);
	CHECK(loop_new(&s->loop) == 0 && engine_new(&s->engine) == 0);
	CHECK(shelf_open(dirs, 1, s->faulty, faulty_max, &s->shelf, &e) == 0);
	CHECK(shelf_add_device(s->shelf, s->cpu, cpu_max) == 0);
	CHECK(rack_keep(shelf_rack(s->shelf), s->data, &e) == 0);
	CHECK(service_new(s->loop, s->engine, s->shelf, &s->service) == 0);
	CHECK(shelf_start(s->shelf, s->loop, &shelf_ops, s) == 0);
	CHECK(link_pair(fds) == 0);
	service_add_control(s->service, fds[0]);
	CHECK(link_new(s->loop, fds[1], &link_ops, &limits, s, &s->control) == 0);
	buf_init(&value, 1024);
	CHECK(models_taken_write(&taken, &value) == 0); /* it keeps the ledger, and hears TOP */
	send_value(s, MODELS_TAKEN, &value);
}

static void begin(struct stand *s, uint64_t faulty_max, uint64_t cpu_max)
{
	*s = (struct stand){
		.models = "/tmp/vitrine-devices-XXXXXX", .data = "/tmp/vitrine-devices-XXXXXX"};
	CHECK(mkdtemp(s->models) && mkdtemp(s->data));
	add_model(s, "a", "tiny-writer");
	add_model(s, "b", "tiny-writer");
	add_model(s, "mood", "tiny-sentiment");
	start(s, faulty_max, cpu_max);
}

static void stop(struct stand *s)
{
	(void)link_free(s->control);
	(void)service_free(s->service);
	(void)engine_free(s->engine); /* it refers to models */
	(void)shelf_free(s->shelf);
	(void)loop_free(s->loop);
	(void)device_close(s->faulty);
	(void)device_close(s->cpu);
	json_decref(s->top);
	s->top = NULL;
}

static void end(struct stand *s)
{
	stop(s);
	CHECK(fs_remove_tree(s->models) == 0 && fs_remove_tree(s->data) == 0);
}

static uint64_t turn(struct stand *s, uint64_t until)
{
	CHECK(clock_mono_usec() < until);
	CHECK(loop_dispatch(s->loop, 50) == 0);
	return until;
}

#define UNTIL(s, cond)                                                                             \
	for (uint64_t until_ = clock_mono_usec() + PATIENCE_USEC; !(cond);)                        \
	until_ = turn(s, until_)

static struct model *model_of(struct stand *s, const char *id)
{
	struct model *m = shelf_find(s->shelf, id);

	CHECK(m);
	return m;
}

static const struct device *device_of(struct stand *s, const char *id)
{
	const struct model *m = model_of(s, id);

	return m->net ? m->net->device : NULL;
}

static struct bay *bay_of(struct stand *s)
{
	return rack_find(shelf_rack(s->shelf), "faulty");
}

static void until_loaded(struct stand *s)
{
	UNTIL(s, device_of(s, "vitrine/a") && device_of(s, "vitrine/b") &&
			 device_of(s, "vitrine/mood") && !shelf_is_loading(s->shelf));
}

/* --- requests, as calls make them --- */

struct payment {
	struct watch watch; /* first */
	uint64_t nsec, again_nsec;
};

static bool on_charge(uint64_t nsec, void *data)
{
	((struct payment *)data)->nsec += nsec;
	return true;
}

static void on_again(uint64_t nsec, void *data)
{
	((struct payment *)data)->again_nsec += nsec;
}

static const struct request_ops paying = {on_text, on_end, on_charge, on_again};

static const char story[] = CHAT("Write a long story about the sea");

static void begin_story(struct stand *s, struct model *m, uint32_t tokens, struct payment *p)
{
	struct prompt q = {.text = {story, strlen(story)},
		.framed = true,
		.sampling = {.top_p = 1, .max_tokens = tokens}};
	struct err e = {0};

	*p = (struct payment){0};
	CHECK(engine_write(s->engine, m, &q, &paying, p, &p->watch.request, &e) == 0);
	service_step(s->service);
}

static void write_story(struct stand *s, const char *id, uint32_t tokens, struct payment *p)
{
	struct err e = {0};

	CHECK(shelf_use(s->shelf, model_of(s, id), &e) == 0);
	begin_story(s, model_of(s, id), tokens, p);
}

/* What an undisturbed service writes. */
static const char *undisturbed(uint32_t tokens)
{
	static struct payment p;
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	write_story(&s, "vitrine/a", tokens, &p);
	UNTIL(&s, p.watch.done);
	CHECK(p.watch.o.r == 0 && p.watch.n > 0);
	end(&s);
	return p.watch.text;
}

static const json_t *device_row(const struct stand *s)
{
	return json_array_get(json_object_get(s->top, "devices"), 0);
}

static const char *told(const struct stand *s, const char *key)
{
	const char *text = json_string_value(json_object_get(device_row(s), key));

	return text ? text : "";
}

/* --- faults --- */

TEST(a_device_that_fails_loses_what_it_worked_on_and_all_others_go_on_where_they_were)
{
	const char *whole = undisturbed(60);
	struct payment lost, halfway, waiting;
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	CHECK(device_of(&s, "vitrine/a") == s.faulty && device_of(&s, "vitrine/b") == s.faulty);
	write_story(&s, "vitrine/b", 60, &halfway);
	UNTIL(&s, halfway.watch.pieces > 4);
	write_story(&s, "vitrine/a", 60, &lost);
	UNTIL(&s, lost.watch.pieces > 2);
	write_story(&s, "vitrine/b", 60, &waiting); /* whose turn it is next, nobody knows */
	while (s.service->step_due && engine_model_now(s.engine) != model_of(&s, "vitrine/b"))
		CHECK(engine_step(s.engine));
	faulty_products = 3; /* in the middle of the other model's next step */
	UNTIL(&s, lost.watch.done);
	CHECK(lost.watch.o.r == -EIO && strstr(lost.watch.o.error.text, "device faulty failed") &&
		strstr(lost.watch.o.error.text, FAULT_WORDS));
	CHECK(lost.nsec > 0 && lost.nsec / 1000 <= lost.watch.o.usage.device_usec + 1);
	CHECK(!halfway.watch.done && !waiting.watch.done);
	UNTIL(&s, halfway.watch.done && waiting.watch.done);
	CHECK(device_of(&s, "vitrine/b") == s.cpu);
	CHECK(halfway.watch.o.r == 0 && !strcmp(halfway.watch.text, whole));
	CHECK(waiting.watch.o.r == 0 && !strcmp(waiting.watch.text, whole));
	/* What the one in the middle had said is read again at nobody's cost. */
	CHECK(halfway.again_nsec > 0 && lost.again_nsec == 0);
	CHECK((lost.nsec + halfway.nsec + halfway.again_nsec + waiting.nsec + waiting.again_nsec) /
			1000 ==
		engine_busy_usec(s.engine));
	end(&s);
}

TEST(a_device_that_failed_says_so_and_comes_back_when_it_is_returned)
{
	struct payment p;
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	write_story(&s, "vitrine/a", 60, &p);
	UNTIL(&s, p.watch.pieces > 2);
	faulty_products = 1;
	UNTIL(&s, !strcmp(told(&s, "state"), "failed"));
	CHECK(!strcmp(told(&s, "name"), "faulty") && !strcmp(told(&s, "reason"), FAULT_WORDS));
	CHECK(json_integer_value(json_object_get(device_row(&s), "since")) > 0);
	CHECK(bay_of(&s)->memory == 0);
	order(&s, "drain", "");
	CHECK(strstr(s.refusal, "has failed and runs nothing: " FAULT_WORDS));
	faulty_dead = true;
	order(&s, "return", "");
	CHECK(strstr(s.refusal, "until the service is started anew"));
	CHECK(bay_of(&s)->state == BAY_FAILED);
	faulty_dead = false;
	order(&s, "return", "");
	CHECK(!*s.refusal && !strcmp(told(&s, "state"), "serving") && !*told(&s, "reason"));
	until_loaded(&s);
	write_story(&s, "vitrine/a", 20, &p); /* where it is, it stays */
	UNTIL(&s, p.watch.done);
	CHECK(p.watch.o.r == 0 && device_of(&s, "vitrine/a") == s.cpu);
	end(&s);
}

TEST(who_waits_for_a_model_that_no_other_device_can_hold_is_told_what_is_left)
{
	struct payment lost, halfway;
	struct err e = {0};
	struct stand s;

	begin(&s, ROOMY, 1 << 20);
	until_loaded(&s);
	write_story(&s, "vitrine/b", 200, &halfway);
	UNTIL(&s, halfway.watch.pieces > 2);
	write_story(&s, "vitrine/a", 60, &lost);
	UNTIL(&s, lost.watch.pieces > 2);
	while (engine_model_now(s.engine) != model_of(&s, "vitrine/b"))
		CHECK(engine_step(s.engine));
	faulty_products = 0;
	UNTIL(&s, lost.watch.done && halfway.watch.done);
	CHECK(halfway.watch.o.r == -ENODEV);
	CHECK(strstr(halfway.watch.o.error.text, "faulty has failed, cpu may take 1 MiB"));
	CHECK(shelf_use(s.shelf, model_of(&s, "vitrine/b"), &e) == -ENODEV);
	CHECK(strstr(e.text, "MiB of a device in service: faulty has failed, cpu may take 1 MiB"));
	CHECK(!strcmp(call_code(e.code), "no_model"));
	/* And when it is there again, so is the model. */
	order(&s, "return", "");
	CHECK(!*s.refusal);
	until_loaded(&s);
	write_story(&s, "vitrine/b", 20, &halfway);
	UNTIL(&s, halfway.watch.done);
	CHECK(halfway.watch.o.r == 0 && halfway.watch.n > 0);
	end(&s);
}

TEST(a_device_that_fails_while_a_model_is_loaded_is_no_fault_of_the_model)
{
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	faulty_loading = true;
	until_loaded(&s);
	CHECK(bay_of(&s)->state == BAY_FAILED && bay_of(&s)->memory == 0);
	CHECK(device_of(&s, "vitrine/a") == s.cpu && device_of(&s, "vitrine/b") == s.cpu);
	end(&s);
}

TEST(an_encoders_request_is_lost_alone_and_charged_as_measured)
{
	const struct text text = {"I love it", 9};
	struct payment p = {0};
	struct err e = {0};
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	faulty_products = 2;
	CHECK(read_texts(s.engine, model_of(&s, "vitrine/mood"), &text, 1, &p.watch, &e) == 0);
	service_step(s.service);
	UNTIL(&s, p.watch.done);
	CHECK(p.watch.o.r == -EIO && p.watch.n_rows == 0);
	CHECK(p.watch.o.usage.device_nsec > 0 &&
		p.watch.o.usage.device_nsec / 1000 == engine_busy_usec(s.engine));
	until_loaded(&s);
	CHECK(read_texts(s.engine, model_of(&s, "vitrine/mood"), &text, 1, &p.watch, &e) == 0);
	p.watch.done = false;
	service_step(s.service);
	UNTIL(&s, p.watch.done);
	CHECK(p.watch.o.r == 0 && p.watch.n_rows == 1);
	end(&s);
}

/* --- administrators --- */

TEST(drained_a_device_ends_what_runs_takes_nothing_new_and_its_models_leave)
{
	struct payment running, fresh;
	struct err e = {0};
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	write_story(&s, "vitrine/a", 60, &running);
	UNTIL(&s, running.watch.pieces > 2);
	order(&s, "drain", "a new fan");
	CHECK(!*s.refusal && !strcmp(told(&s, "state"), "draining"));
	CHECK(!strcmp(told(&s, "reason"), "a new fan"));
	CHECK(!running.watch.done && shelf_use(s.shelf, model_of(&s, "vitrine/a"), &e) == -EAGAIN);
	order(&s, "drain", "said twice");
	CHECK(!*s.refusal && !strcmp(told(&s, "reason"), "a new fan"));
	UNTIL(&s, running.watch.done);
	CHECK(running.watch.o.r == 0);
	UNTIL(&s, bay_of(&s)->memory == 0);
	until_loaded(&s);
	write_story(&s, "vitrine/a", 20, &fresh);
	UNTIL(&s, fresh.watch.done);
	CHECK(fresh.watch.o.r == 0 && device_of(&s, "vitrine/a") == s.cpu);
	order(&s, "return", "");
	CHECK(bay_of(&s)->state == BAY_SERVING);
	end(&s);
}

TEST(excluded_a_device_is_empty_after_the_step_and_who_is_hit_has_a_word)
{
	struct payment running;
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	write_story(&s, "vitrine/a", 200, &running);
	UNTIL(&s, running.watch.pieces > 2);
	order(&s, "exclude", "");
	CHECK(strstr(s.refusal, "reason: must say why") && !running.watch.done);
	order(&s, "exclude", "it smells of smoke");
	CHECK(!*s.refusal && running.watch.done && running.watch.o.r == -EIO);
	CHECK(strstr(running.watch.o.error.text, "it smells of smoke"));
	CHECK(bay_of(&s)->memory == 0 && engine_kv_bytes_on(s.engine, s.faulty) == 0);
	order(&s, "exclude", "twice");
	CHECK(!*s.refusal && !strcmp(bay_of(&s)->reason, "it smells of smoke"));
	until_loaded(&s);
	CHECK(device_of(&s, "vitrine/a") == s.cpu);
	end(&s);
}

TEST(what_an_administrator_said_of_a_device_outlives_the_service)
{
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	order(&s, "exclude", "it smells\nof smoke");
	stop(&s);
	start(&s, ROOMY, ROOMY);
	CHECK(bay_of(&s)->state == BAY_EXCLUDED && bay_of(&s)->since_usec > 0);
	CHECK(!strcmp(bay_of(&s)->reason, "it smells of smoke"));
	until_loaded(&s);
	CHECK(device_of(&s, "vitrine/a") == s.cpu);
	order(&s, "return", "");
	stop(&s);
	start(&s, ROOMY, ROOMY);
	CHECK(bay_of(&s)->state == BAY_SERVING);
	end(&s);
}

TEST(a_fault_changes_nothing_of_what_an_administrator_said)
{
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	order(&s, "drain", "a new fan");
	device_fail(s.faulty, FAULT_WORDS);
	devices_check(s.service);
	CHECK(bay_of(&s)->state == BAY_FAILED && !strcmp(bay_of(&s)->reason, FAULT_WORDS));
	stop(&s);
	start(&s, ROOMY, ROOMY);
	CHECK(bay_of(&s)->state == BAY_DRAINING && !strcmp(bay_of(&s)->reason, "a new fan"));
	order(&s, "exclude", "it smells of smoke");
	device_fail(s.faulty, FAULT_WORDS);
	devices_check(s.service);
	CHECK(bay_of(&s)->state == BAY_EXCLUDED);
	CHECK(!strcmp(bay_of(&s)->reason, "it smells of smoke"));
	stop(&s);
	start(&s, ROOMY, ROOMY);
	CHECK(bay_of(&s)->state == BAY_EXCLUDED && bay_of(&s)->since_usec > 0);
	order(&s, "return", "");
	CHECK(!*s.refusal && bay_of(&s)->state == BAY_SERVING);
	end(&s);
}

TEST(what_is_kept_of_a_device_ends_with_its_line_and_is_whole_at_any_time)
{
	char path[80], kept[4097] = "";
	struct stand s;
	struct rack *r;
	struct err e = {0};
	int fd;

	begin(&s, ROOMY, ROOMY);
	r = shelf_rack(s.shelf);
	rack_set(r, rack_find(r, "faulty"), BAY_DRAINING, "");
	rack_set(r, rack_find(r, "cpu"), BAY_EXCLUDED, " two  words");
	snprintf(path, sizeof(path), "%s/devices", s.data);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, kept, sizeof(kept)) == 4096 && strstr(kept, "\ncpu excluded "));
	rack_set(r, rack_find(r, "cpu"), BAY_SERVING, NULL);
	CHECK(lseek(fd, 0, SEEK_END) == 4096 && pread(fd, kept, 4096, 0) == 4096);
	CHECK(!strstr(kept, "cpu") && close(fd) == 0);
	rack_set(r, rack_find(r, "cpu"), BAY_EXCLUDED, " two  words");
	stop(&s);
	start(&s, ROOMY, ROOMY);
	CHECK(bay_of(&s)->state == BAY_DRAINING && !*bay_of(&s)->reason);
	CHECK(rack_find(shelf_rack(s.shelf), "cpu")->state == BAY_EXCLUDED);
	CHECK(!strcmp(rack_find(shelf_rack(s.shelf), "cpu")->reason, " two  words"));
	CHECK(rack_refuse(shelf_rack(s.shelf), 1, &e) == -ENODEV);
	end(&s);
}

TEST(an_order_for_what_is_not_there_is_refused_by_name)
{
	struct stand s;

	begin(&s, ROOMY, ROOMY);
	order(&s, "polish", "");
	CHECK(strstr(s.refusal, "act: must be drain, exclude or return"));
	end(&s);
}

TEST(a_model_that_is_called_for_a_device_comes_there_once_nobody_uses_it_elsewhere)
{
	struct bay *cpu;
	struct payment p;
	struct stand s;
	struct err e = {0};

	begin(&s, ROOMY, 100ull << 20);
	until_loaded(&s);
	cpu = rack_find(shelf_rack(s.shelf), "cpu");
	CHECK(device_of(&s, "vitrine/b") == s.faulty);
	write_story(&s, "vitrine/b", 60, &p);
	UNTIL(&s, p.watch.pieces > 2);
	CHECK(shelf_use_on(s.shelf, model_of(&s, "vitrine/b"), cpu, &e) == -EAGAIN);
	CHECK(device_of(&s, "vitrine/b") == s.faulty); /* it is used there */
	UNTIL(&s, p.watch.done);
	CHECK(p.watch.o.r == 0);
	UNTIL(&s, shelf_use_on(s.shelf, model_of(&s, "vitrine/b"), cpu, &e) == 0);
	CHECK(device_of(&s, "vitrine/b") == s.cpu && device_of(&s, "vitrine/a") == s.faulty);
	/* Who does not care has it where it is. */
	CHECK(shelf_use(s.shelf, model_of(&s, "vitrine/b"), &e) == 0);
	CHECK(device_of(&s, "vitrine/b") == s.cpu);
	cpu->memory_max = 1;
	CHECK(shelf_use_on(s.shelf, model_of(&s, "vitrine/a"), cpu, &e) == -ENODEV);
	CHECK(strstr(e.text, "and the device cpu may take 0"));
	end(&s);
}

TEST(two_who_want_a_model_on_different_devices_have_it_in_turn)
{
	struct bay *bays[2];
	struct model *m;
	struct stand s;
	struct err e = {0};
	const struct slot *slot;
	uint64_t stays = 0;
	int moves = 0;

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	s.shelf->stay_usec = USEC_PER_SEC / 4;
	m = model_of(&s, "vitrine/b");
	for (slot = s.shelf->slots; slot->model != m; slot++)
		;
	bays[0] = rack_find(shelf_rack(s.shelf), "faulty");
	bays[1] = rack_find(shelf_rack(s.shelf), "cpu");
	for (const struct device *was = s.faulty; moves < 4;) {
		/* The first of them never leaves it alone. */
		static struct payment p;

		for (int i = 0; i < 2; i++) {
			int r = shelf_use_on(s.shelf, m, bays[i], &e);

			CHECK(r == 0 || r == -EAGAIN);
			if (i == 0 && r == 0 && !p.watch.request)
				begin_story(&s, m, 20, &p);
		}
		/* Each has it for a while, not for a single call. */
		CHECK(m->net || clock_mono_usec() >= stays);
		stays = m->net ? slot->stays_until_usec : stays;
		moves += m->net && m->net->device != was;
		was = m->net ? m->net->device : was;
		CHECK(loop_dispatch(s.loop, 5) == 0);
	}
	end(&s);
}

static void call(struct worker *w, uint32_t seq)
{
	static const char value[] = "{\"model\":\"vitrine/a\",\"task\":\"text-generation\","
				    "\"inputs\":\"The sea\"}";
	struct frame f = {.type = INFER_CALL,
		.seq = seq,
		.value = (const uint8_t *)value,
		.length = strlen(value)};
	struct err e = {0};

	CHECK(worker_on_call(w, &f, &e) == 0);
}

static void say_place(struct stand *s, const char *space, const char *device)
{
	json_t *spaces = json_pack("[[s, s, s]]", space, "", device);
	const struct models_pools m = {.spaces = spaces};
	struct pool_terms none[POOLS_MAX];
	struct err e = {0};
	int n;

	CHECK(spaces && places_take(s->service->places, &m, none, &n, &e) == 0);
	json_decref(spaces);
}

static void on_lease(void *data)
{
	(void)data;
}

TEST(who_does_not_pay_moves_no_model)
{
	static const struct ledger_ops ledger_ops = {on_lease};
	struct ledger *ledger = NULL;
	struct err e = {0};
	struct worker *w;
	struct stand s;
	int fds[2];

	begin(&s, ROOMY, ROOMY);
	until_loaded(&s);
	CHECK(ledger_new(s.loop, s.data, "cpu", &ledger_ops, &s, &ledger, &e) == 0);
	service_set_ledger(s.service, ledger);
	CHECK(link_pair(fds) == 0);
	CHECK(worker_add(s.service, "one", "one", false, fds[0]) == 0);
	w = worker_find(s.service, "one");
	say_place(&s, "one", "cpu");
	call(w, 1); /* nobody says yet whether it may */
	CHECK(w->calls && w->calls->unpaid && device_of(&s, "vitrine/a") == s.faulty);
	worker_drop_calls(w);
	service_set_ledger(s.service, NULL);
	call(w, 2);
	CHECK(w->calls && !w->calls->unpaid && device_of(&s, "vitrine/a") != s.faulty);
	UNTIL(&s, !w->calls);
	CHECK(device_of(&s, "vitrine/a") == s.cpu);
	close(fds[1]);
	(void)ledger_free(ledger);
	end(&s);
}

int main(void)
{
	if (access("models/tiny-writer/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: the shipped models are not there\n");
		return 77;
	}
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}
