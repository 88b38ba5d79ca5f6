#include "sandbox/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/constants.h"
#include "tests/support/test.h"

#define SLOTS 8

struct files {
	int log[2], app[2], infer[2];
};

static struct files files_make(void)
{
	struct files f;

	CHECK(pipe2(f.log, O_CLOEXEC) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f.app) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f.infer) == 0);
	return f;
}

static void files_done(struct files *f)
{
	for (int i = 0; i < 2; i++) {
		close(f->log[i]);
		close(f->app[i]);
		close(f->infer[i]);
	}
}

static struct box_plan plan_of(const struct files *f)
{
	return (struct box_plan){.class = BOX_SMALL,
		.log_fd = f->log[1],
		.app_fd = f->app[0],
		.infer_fd = f->infer[0]};
}

TEST(a_plan_with_a_pipe_and_two_packet_sockets_is_fine)
{
	struct files f = files_make();
	struct box_plan p = plan_of(&f);

	CHECK(box_plan_check(&p, SLOTS, NULL) == 0);
	files_done(&f);
}

TEST(slots_and_classes_are_range_checked)
{
	struct files f = files_make();
	struct box_plan p = plan_of(&f);
	struct err e = {0};

	p.slot = SLOTS;
	CHECK(box_plan_check(&p, SLOTS, &e) == -EPROTO && strstr(e.text, "slot 8"));
	p.slot = 0xffffffff;
	CHECK(box_plan_check(&p, SLOTS, NULL) == -EPROTO);
	p.slot = 0;
	for (unsigned int number = 0; number < 256; number++) {
		p.class = number;
		CHECK((box_plan_check(&p, SLOTS, NULL) == 0) ==
			(number >= BOX_SMALL && number <= BOX_LARGE));
	}
	files_done(&f);
}

static void refuse_everywhere(const struct files *f, int fd)
{
	struct box_plan p = plan_of(f);

	p.log_fd = fd;
	CHECK(box_plan_check(&p, SLOTS, NULL) == -EPROTO);
	p = plan_of(f);
	p.app_fd = fd;
	CHECK(box_plan_check(&p, SLOTS, NULL) == -EPROTO);
	p = plan_of(f);
	p.infer_fd = fd;
	CHECK(box_plan_check(&p, SLOTS, NULL) == -EPROTO);
}

/* Catalogue 49, 92. */
TEST(no_directory_file_or_other_socket_reaches_a_box)
{
	struct files f = files_make();
	int stream[2], datagram[2];
	int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int path = open("/", O_PATH | O_CLOEXEC);
	int memory = memfd_create("x", MFD_CLOEXEC);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, datagram) == 0);
	refuse_everywhere(&f, -1);
	refuse_everywhere(&f, folder);
	refuse_everywhere(&f, path);
	refuse_everywhere(&f, memory);
	refuse_everywhere(&f, stream[0]);
	refuse_everywhere(&f, datagram[0]);
	refuse_everywhere(&f, f.log[0]);
	for (int i = 0; i < 2; i++) {
		close(stream[i]);
		close(datagram[i]);
	}
	close(folder);
	close(path);
	close(memory);
	files_done(&f);
}

TEST_MAIN()
