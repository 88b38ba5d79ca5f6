#include "base/link.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "tests/support/test.h"

#define KNOWN_TYPE 7
#define KNOWN_MAX (300 * 1024)

/* One end with everything that was told to it. */
struct end {
	struct loop *loop;
	struct link *link;
	int messages, closed, drained;
	struct err reason;
	struct frame last;
	uint8_t *value; /* owned copy of the last value */
	int take_file;  /* take file 0 into file */
	int file, file2;
	int refuse; /* answer of on_frame */
	int free_in_frame;
	int echo;       /* send every message back */
	int hold_after; /* messages */
	int slow;       /* each message takes longer than a turn */
	int stop_after; /* messages */
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct end *end = data;

	end->messages++;
	end->last = *f;
	free(end->value);
	end->value = malloc(f->length + 1);
	memcpy(end->value, f->value, f->length);
	if (end->take_file) {
		end->file = link_files_take(files, 0);
		end->file2 = link_files_take(files, 1);
		CHECK(link_files_take(files, 0) == -1);
		CHECK(link_files_take(files, 9) == -1);
	}
	if (end->echo)
		CHECK(link_send(l, f) == 0);
	if (end->messages == end->hold_after)
		link_hold(l);
	for (uint64_t end_usec = clock_mono_usec() + 2; end->slow && clock_mono_usec() < end_usec;)
		;
	if (end->free_in_frame) {
		end->link = link_free(l);
		loop_stop(end->loop, 0);
	}
	if (end->messages == end->stop_after)
		loop_stop(end->loop, 0);
	return end->refuse ? err_set(e, end->refuse, "words of the refusal") : 0;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct end *end = data;

	CHECK(end->link == l);
	CHECK(++end->closed == 1);
	end->reason = *reason;
	end->link = link_free(l);
	loop_stop(end->loop, 0);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return type == KNOWN_TYPE ? KNOWN_MAX : -1;
}

static void on_drained(struct link *l, void *data)
{
	struct end *end = data;

	CHECK(end->link == l);
	end->drained++;
}

static const struct link_ops ops = {on_frame, on_closed, value_max, on_drained};
static const struct link_limits with_files = {1 << 20, true, 0},
				without_files = {1 << 20, false, 0}, in_turns = {1 << 20, false, 1};

struct pair {
	struct loop *loop;
	struct end a, b;
};

static void pair_init(struct pair *p, const struct link_limits *b_limits)
{
	int fds[2];

	*p = (struct pair){0};
	CHECK(loop_new(&p->loop) == 0);
	CHECK(link_pair(fds) == 0);
	CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	p->a.loop = p->b.loop = p->loop;
	p->a.file = p->a.file2 = p->b.file = p->b.file2 = -1;
	CHECK(link_new(p->loop, fds[0], &ops, &without_files, &p->a, &p->a.link) == 0);
	CHECK(link_new(p->loop, fds[1], &ops, b_limits, &p->b, &p->b.link) == 0);
}

static void pair_done(struct pair *p)
{
	link_free(p->a.link);
	link_free(p->b.link);
	loop_free(p->loop);
	free(p->a.value);
	free(p->b.value);
}

static struct frame message(const void *value, size_t n)
{
	return (struct frame){.type = KNOWN_TYPE,
		.op = 3,
		.channel = 9,
		.node = 8,
		.seq = 7,
		.value = value,
		.length = n};
}

static void spin(struct pair *p)
{
	for (int i = 0; i < 200; i++)
		CHECK(loop_dispatch(p->loop, 0) == 0);
}

TEST(a_message_arrives_with_its_header_and_value)
{
	struct frame f = message("hello", 5);
	struct pair p;

	pair_init(&p, &without_files);
	p.b.stop_after = 1;
	CHECK(link_send(p.a.link, &f) == 0);
	CHECK(p.b.messages == 0); /* callbacks come from the loop */
	CHECK(loop_run(p.loop) == 0);
	CHECK(p.b.last.op == 3 && p.b.last.channel == 9 && p.b.last.node == 8 && p.b.last.seq == 7);
	CHECK(p.b.last.length == 5 && memcmp(p.b.value, "hello", 5) == 0);
	pair_done(&p);
}

TEST(a_long_value_is_split_and_arrives_as_one_message)
{
	static uint8_t value[KNOWN_MAX];
	struct frame f = message(value, sizeof(value));
	struct pair p;

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i * 31 ^ i >> 9);
	pair_init(&p, &without_files);
	p.b.stop_after = 1;
	CHECK(link_send(p.a.link, &f) == 0);
	CHECK(loop_run(p.loop) == 0);
	CHECK(p.b.messages == 1 && p.b.last.length == sizeof(value));
	CHECK(memcmp(p.b.value, value, sizeof(value)) == 0);
	pair_done(&p);
}

TEST(a_value_over_the_maximum_of_its_type_ends_the_link_with_the_limit_in_words)
{
	static uint8_t value[KNOWN_MAX + 1];
	struct frame f = message(value, sizeof(value));
	struct pair p;

	pair_init(&p, &without_files);
	CHECK(link_send(p.a.link, &f) == 0);
	spin(&p);
	CHECK(p.b.messages == 0 && p.b.closed == 1 && p.b.reason.code == -EMSGSIZE);
	CHECK(strstr(p.b.reason.text, "limit of 307200 bytes"));
	CHECK(p.a.closed == 1);
	pair_done(&p);
}

TEST(an_unknown_type_ends_the_link)
{
	struct frame f = message("x", 1);
	struct pair p;

	f.type = 99;
	pair_init(&p, &without_files);
	CHECK(link_send(p.a.link, &f) == 0);
	spin(&p);
	CHECK(p.b.closed == 1 && p.b.reason.code == -EPROTO);
	CHECK(strstr(p.b.reason.text, "type 99"));
	pair_done(&p);
}

TEST(torn_packets_end_the_link_and_nothing_else)
{
	static const char *const torn[] = {"x", "\xff\xff\x07\x00\0\0\0\0\0\0\0\0\0\0\0\0"};
	static const size_t lengths[] = {1, 16};

	for (size_t i = 0; i < 2; i++) {
		struct end end = {.file = -1};
		int fds[2];

		CHECK(loop_new(&end.loop) == 0 && link_pair(fds) == 0);
		CHECK(link_new(end.loop, fds[0], &ops, &without_files, &end, &end.link) == 0);
		CHECK(send(fds[1], torn[i], lengths[i], 0) == (ssize_t)lengths[i]);
		CHECK(loop_run(end.loop) == 0);
		CHECK(end.closed == 1 && end.reason.code == -EBADMSG);
		close(fds[1]);
		loop_free(end.loop);
	}
}

TEST(a_packet_over_the_limit_ends_the_link)
{
	static uint8_t big[FRAME_PACKET_MAX + 100];
	struct end end = {.file = -1};
	int fds[2];

	CHECK(loop_new(&end.loop) == 0 && link_pair(fds) == 0);
	CHECK(link_new(end.loop, fds[0], &ops, &without_files, &end, &end.link) == 0);
	CHECK(send(fds[1], big, sizeof(big), 0) == (ssize_t)sizeof(big));
	CHECK(loop_run(end.loop) == 0);
	CHECK(end.closed == 1 && end.reason.code == -EMSGSIZE);
	close(fds[1]);
	loop_free(end.loop);
}

TEST(the_end_of_the_peer_is_told_once_without_a_reason_after_its_last_message)
{
	struct frame f = message("last", 4);
	struct pair p;

	pair_init(&p, &without_files);
	CHECK(link_send(p.a.link, &f) == 0);
	p.a.link = link_free(p.a.link);
	spin(&p);
	CHECK(p.b.messages == 1 && p.b.closed == 1 && p.b.reason.code == 0);
	pair_done(&p);
}

TEST(a_refused_message_ends_the_link_with_the_words_of_the_refusal)
{
	struct frame f = message("x", 1);
	struct pair p;

	pair_init(&p, &without_files);
	p.b.refuse = -EPROTO;
	CHECK(link_send(p.a.link, &f) == 0);
	CHECK(link_send(p.a.link, &f) == 0);
	spin(&p);
	CHECK(p.b.messages == 1 && p.b.closed == 1);
	CHECK(strcmp(p.b.reason.text, "words of the refusal") == 0);
	pair_done(&p);
}

TEST(a_link_may_be_freed_from_its_own_callback)
{
	struct frame f = message("x", 1);
	struct pair p;

	pair_init(&p, &without_files);
	p.b.free_in_frame = 1;
	link_cork(p.a.link);
	CHECK(link_send(p.a.link, &f) == 0 && link_send(p.a.link, &f) == 0);
	link_uncork(p.a.link);
	spin(&p);
	CHECK(p.b.messages == 1 && p.b.closed == 0);
	pair_done(&p);
}

TEST(what_the_peer_does_not_take_waits_up_to_the_ceiling_then_drains_in_order)
{
	static uint8_t value[30000];
	struct frame f = message(value, sizeof(value));
	uint32_t sent = 0;
	struct pair p;

	pair_init(&p, &without_files);
	for (;; sent++) {
		int r;

		f.seq = sent;
		r = link_send(p.a.link, &f);
		if (r == -ENOBUFS)
			break;
		CHECK(r == 0 && sent < 10000);
	}
	CHECK(link_queued(p.a.link) <= without_files.queue_max);
	CHECK(link_queued(p.a.link) > without_files.queue_max - sizeof(value) - 100);
	spin(&p);
	CHECK(p.b.messages == (int)sent && p.b.last.seq == sent - 1);
	CHECK(p.a.drained == 1 && link_queued(p.a.link) == 0);
	CHECK(link_send(p.a.link, &f) == 0);
	pair_done(&p);
}

TEST(corked_messages_share_a_packet)
{
	struct end end = {.file = -1};
	struct frame f = message("ab", 2);
	uint8_t packet[1000];
	int fds[2];

	CHECK(loop_new(&end.loop) == 0 && link_pair(fds) == 0);
	CHECK(link_new(end.loop, fds[0], &ops, &without_files, &end, &end.link) == 0);
	link_cork(end.link);
	link_cork(end.link);
	for (int i = 0; i < 5; i++)
		CHECK(link_send(end.link, &f) == 0);
	link_uncork(end.link);
	CHECK(recv(fds[1], packet, sizeof(packet), 0) == -1 && errno == EAGAIN);
	link_uncork(end.link);
	CHECK(recv(fds[1], packet, sizeof(packet), 0) == 5 * (FRAME_HEADER + 2));
	CHECK(recv(fds[1], packet, sizeof(packet), 0) == -1);
	end.link = link_free(end.link);
	close(fds[1]);
	loop_free(end.loop);
}

TEST(files_arrive_with_their_message_and_are_the_takers)
{
	int fds[2] = {fs_memfd_sealed("one", "1", 1, NULL), fs_memfd_sealed("two", "2", 1, NULL)};
	struct frame f = message("x", 1);
	char byte = 0;
	struct pair p;

	pair_init(&p, &with_files);
	p.b.take_file = 1;
	p.b.stop_after = 1;
	CHECK(link_send_files(p.a.link, &f, fds, 2) == 0);
	close(fds[0]);
	close(fds[1]);
	CHECK(loop_run(p.loop) == 0);
	CHECK(read(p.b.file, &byte, 1) == 1 && byte == '1');
	CHECK(read(p.b.file2, &byte, 1) == 1 && byte == '2');
	CHECK(fcntl(p.b.file, F_GETFD) & FD_CLOEXEC);
	close(p.b.file);
	close(p.b.file2);
	pair_done(&p);
}

static int open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* catalogue 96 */
TEST(files_nobody_asked_for_never_arrive_and_are_counted)
{
	int fd = fs_memfd_sealed("x", "1", 1, NULL), three[3] = {fd, fd, fd}, before;
	uint64_t refused = links_files_refused();
	struct frame f = message("x", 1);
	struct pair p;

	pair_init(&p, &without_files);
	before = open_files();
	CHECK(link_send_files(p.a.link, &f, three, 3) == 0);
	spin(&p);
	CHECK(p.b.messages == 1 && p.b.closed == 0);
	CHECK(links_files_refused() == refused + 1);
	CHECK(open_files() == before);
	close(fd);
	pair_done(&p);
}

TEST(files_that_are_not_taken_are_closed_after_the_callback)
{
	int fd = fs_memfd_sealed("x", "1", 1, NULL), before;
	struct frame f = message("x", 1);
	struct pair p;

	pair_init(&p, &with_files);
	before = open_files();
	CHECK(link_send_files(p.a.link, &f, &fd, 1) == 0);
	spin(&p);
	CHECK(p.b.messages == 1 && open_files() == before);
	close(fd);
	pair_done(&p);
}

TEST(a_file_waits_in_the_queue_with_its_message)
{
	static uint8_t value[30000];
	struct frame f = message(value, sizeof(value)), last = message("file", 4);
	int fd = fs_memfd_sealed("x", "1", 1, NULL);
	char byte = 0;
	struct pair p;

	pair_init(&p, &with_files);
	while (link_queued(p.a.link) < 200000)
		CHECK(link_send(p.a.link, &f) == 0);
	p.b.take_file = 1;
	CHECK(link_send_files(p.a.link, &last, &fd, 1) == 0);
	close(fd);
	spin(&p);
	CHECK(p.b.last.length == 4);
	CHECK(read(p.b.file, &byte, 1) == 1 && byte == '1');
	close(p.b.file);
	pair_done(&p);
}

TEST(a_send_to_a_dead_peer_fails_and_the_end_is_told_from_the_loop)
{
	struct frame f = message("x", 1);
	struct end end = {.file = -1};
	int fds[2];

	CHECK(loop_new(&end.loop) == 0 && link_pair(fds) == 0);
	CHECK(link_new(end.loop, fds[0], &ops, &without_files, &end, &end.link) == 0);
	close(fds[1]);
	CHECK(link_send(end.link, &f) == -EPIPE);
	CHECK(link_send(end.link, &f) == -EPIPE);
	CHECK(end.closed == 0);
	CHECK(loop_run(end.loop) == 0);
	CHECK(end.closed == 1 && end.reason.code == 0);
	loop_free(end.loop);
}

TEST(what_a_peer_said_before_it_died_is_heard_even_when_a_send_found_it_dead)
{
	struct frame f = message("last words", 10);
	struct end end = {.file = -1};
	int fds[2];

	CHECK(loop_new(&end.loop) == 0 && link_pair(fds) == 0);
	CHECK(link_new(end.loop, fds[0], &ops, &without_files, &end, &end.link) == 0);
	CHECK(link_post(fds[1], &f, NULL, 0) == 0);
	close(fds[1]);
	CHECK(link_send(end.link, &f) == -EPIPE);
	CHECK(loop_run(end.loop) == 0);
	CHECK(end.messages == 1 && end.closed == 1 && end.reason.code == 0);
	free(end.value);
	loop_free(end.loop);
}

TEST(a_post_on_a_bare_duplicate_arrives_and_a_dead_peer_is_told)
{
	int fd = fs_memfd_sealed("x", "1", 1, NULL), duplicate;
	struct frame f = message("posted", 6);
	struct pair p;

	pair_init(&p, &with_files);
	duplicate = fcntl(link_fd(p.a.link), F_DUPFD_CLOEXEC, 3);
	p.b.take_file = 1;
	CHECK(link_post(duplicate, &f, &fd, 1) == 0);
	spin(&p);
	CHECK(p.b.messages == 1 && p.b.file >= 0 && memcmp(p.b.value, "posted", 6) == 0);
	close(p.b.file);
	p.b.link = link_free(p.b.link);
	CHECK(link_post(duplicate, &f, NULL, 0) == -EPIPE);
	close(duplicate);
	close(fd);
	pair_done(&p);
}

TEST(both_ends_can_talk_at_once)
{
	struct frame f = message("ping", 4);
	struct pair p;

	pair_init(&p, &without_files);
	p.b.echo = 1;
	p.a.stop_after = 500;
	for (int i = 0; i < 500; i++)
		CHECK(link_send(p.a.link, &f) == 0);
	CHECK(loop_run(p.loop) == 0);
	CHECK(p.a.messages == 500 && p.b.messages == 500);
	pair_done(&p);
}

TEST(a_packet_without_bytes_ends_the_link_and_is_not_the_end_of_the_peer)
{
	struct pair p;

	pair_init(&p, &without_files);
	CHECK(send(link_fd(p.a.link), "", 0, 0) == 0);
	spin(&p);
	CHECK(p.b.closed == 1 && p.b.reason.code == -EBADMSG);
	pair_done(&p);
}

/* catalogue 27 */
TEST(a_held_link_leaves_the_rest_of_a_packet_and_all_that_follows_with_the_peer)
{
	struct frame f = message("x", 1);
	struct pair p;
	int sent = 0;

	pair_init(&p, &without_files);
	p.b.hold_after = 3;
	link_cork(p.a.link);
	for (int i = 0; i < 10; i++)
		CHECK(link_send(p.a.link, &f) == 0);
	link_uncork(p.a.link);
	spin(&p);
	CHECK(p.b.messages == 3);
	while (link_queued(p.a.link) == 0) {
		CHECK(link_send(p.a.link, &f) == 0);
		sent++;
	}
	spin(&p);
	CHECK(p.b.messages == 3 && link_unread(p.a.link) > 0);
	CHECK(link_stalled_usec(p.a.link, clock_mono_usec() + 5) >= 5);
	link_release(p.b.link);
	spin(&p);
	CHECK(p.b.messages == 10 + sent && link_queued(p.a.link) == 0);
	CHECK(link_unread(p.a.link) == 0 && link_stalled_usec(p.a.link, clock_mono_usec()) == 0);
	pair_done(&p);
}

TEST(the_end_of_a_held_peer_is_heard_after_its_last_words)
{
	struct frame f = message("x", 1);
	struct pair p;

	pair_init(&p, &without_files);
	p.b.hold_after = 1;
	for (int i = 0; i < 5; i++)
		CHECK(link_send(p.a.link, &f) == 0);
	spin(&p);
	CHECK(p.b.messages == 1 && p.b.closed == 0);
	p.a.link = link_free(p.a.link);
	spin(&p);
	CHECK(p.b.messages == 5 && p.b.closed == 1 && p.b.reason.code == 0);
	pair_done(&p);
}

TEST(a_link_with_turns_gives_way_in_the_middle_of_a_packet_and_loses_nothing)
{
	struct frame f = message("x", 1);
	struct pair p;

	pair_init(&p, &in_turns);
	p.b.slow = 1;
	link_cork(p.a.link);
	for (int i = 0; i < 10; i++)
		CHECK(link_send(p.a.link, &f) == 0);
	link_uncork(p.a.link);
	CHECK(loop_dispatch(p.loop, 0) == 0);
	CHECK(p.b.messages == 1);
	spin(&p);
	CHECK(p.b.messages == 10);
	pair_done(&p);
}

TEST(a_link_may_be_freed_in_the_middle_of_a_packets_rest)
{
	struct frame f = message("x", 1);
	struct pair p;

	pair_init(&p, &in_turns);
	p.b.slow = 1;
	link_cork(p.a.link);
	for (int i = 0; i < 10; i++)
		CHECK(link_send(p.a.link, &f) == 0);
	link_uncork(p.a.link);
	CHECK(loop_dispatch(p.loop, 0) == 0);
	p.b.free_in_frame = 1;
	spin(&p);
	CHECK(p.b.messages == 2 && p.b.closed == 0);
	pair_done(&p);
}

TEST_MAIN()
