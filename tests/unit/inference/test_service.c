/* The service's timers under a stream of calls, which are fds and come before timers. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "inference/peers/inside.h"
#include "tests/support/test.h"

struct fixture {
	char dir[40]; /* of no models */
	struct loop *loop;
	struct device *device;
	struct engine *engine;
	struct shelf *shelf;
	struct service *service;
	struct source *calls;
	int fd;
	unsigned rounds, steps, looks;
	bool held; /* what comes is held, not begun */
};

/* Ready in every round, as the links of many workers are together. */
static void on_call(int fd, uint32_t events, void *data)
{
	struct fixture *x = data;

	(void)fd;
	(void)events;
	x->rounds++;
	x->steps += x->rounds > 1 && !x->service->step_due;
	x->looks += x->rounds > 1 && !x->service->models_usec;
	if (x->held)
		service_look_after(x->service, 1000);
	else
		service_step(x->service);
}

static void set_up(struct fixture *x, bool held)
{
	const char *dirs[] = {x->dir};
	struct err e = {0};

	*x = (struct fixture){
		.dir = "/tmp/vitrine-service-XXXXXX", .held = held, .fd = eventfd(1, EFD_CLOEXEC)};
	CHECK(x->fd >= 0 && loop_new(&x->loop) == 0 && engine_new(&x->engine) == 0);
	CHECK(mkdtemp(x->dir) && device_open("cpu", NULL, &x->device, &e) == 0);
	CHECK(shelf_open(dirs, 1, x->device, 1 << 20, &x->shelf, &e) == 0);
	CHECK(service_new(x->loop, x->engine, x->shelf, &x->service) == 0);
	CHECK(loop_add_fd(x->loop, x->fd, EPOLLIN, on_call, x, &x->calls) == 0);
}

static void tear_down(struct fixture *x)
{
	x->calls = source_free(x->calls);
	x->service = service_free(x->service);
	x->shelf = shelf_free(x->shelf);
	x->engine = engine_free(x->engine);
	x->loop = loop_free(x->loop);
	device_close(x->device);
	close(x->fd);
	CHECK(rmdir(x->dir) == 0);
}

TEST(a_stream_of_calls_does_not_put_the_engines_steps_off)
{
	struct fixture x;

	set_up(&x, false);
	while (x.rounds < 200)
		CHECK(loop_dispatch(x.loop, 10) >= 0);
	CHECK(x.steps > 20);
	tear_down(&x);
}

TEST(a_stream_of_held_calls_does_not_put_off_the_look_at_all_that_are_held)
{
	struct fixture x;
	uint64_t until;

	set_up(&x, true);
	until = clock_mono_usec() + 100000;
	while (clock_mono_usec() < until)
		CHECK(loop_dispatch(x.loop, 10) >= 0);
	CHECK(x.looks > 0);
	tear_down(&x);
}

TEST_MAIN()
