#include <stdbool.h>

#include "base/crc32c.h"
#include "proto/messages.h"
#include "tests/support/test.h"

struct row {
	const char *link, *name;
	int number;
	long max;
};

static const struct row rows[] = {
#define LINK(l, e, d)
#define MESSAGE(l, n, num, dir, m, d) {#l, #n, num, m},
#define HEAD(part, d)
#define FIELD(msg, k, n, m, nd, d)
#define RAW(d)
#define FILE_(d)
#define END(msg)
#define SHARED(l, f, n, dir)
#include "proto/messages.def"
};
#define N_ROWS (sizeof(rows) / sizeof(*rows))

TEST(no_number_means_two_messages)
{
	for (size_t i = 0; i < N_ROWS; i++)
		for (size_t k = 0; k < i; k++)
			CHECK(rows[i].number != rows[k].number);
}

TEST(every_message_has_a_maximum_that_a_joiner_can_hold)
{
	for (size_t i = 0; i < N_ROWS; i++)
		CHECK(rows[i].number > 0 && rows[i].number < 256 && rows[i].max >= 0 &&
			rows[i].max <= 64 << 20);
}

TEST(a_message_is_legal_in_its_direction_only)
{
	CHECK(proto_value_max(PROTO_APP, PROTO_UP, APP_HELLO) == 2 << 20);
	CHECK(proto_value_max(PROTO_APP, PROTO_DOWN, APP_HELLO) == -1);
	CHECK(proto_value_max(PROTO_WIRE, PROTO_UP, APP_HELLO) == -1);
	CHECK(proto_value_max(PROTO_APP, PROTO_UP, 0) == -1);
	CHECK(proto_value_max(PROTO_APP, PROTO_UP, 255) == -1);
}

TEST(shared_messages_are_legal_on_the_wire_in_the_direction_stated_there)
{
	CHECK(proto_value_max(PROTO_WIRE, PROTO_DOWN, APP_PATCH) == 8 << 20);
	CHECK(proto_value_max(PROTO_WIRE, PROTO_UP, APP_PATCH) == -1);
	CHECK(proto_value_max(PROTO_WIRE, PROTO_UP, APP_EVENT) == 256 << 10);
	CHECK(proto_value_max(PROTO_WIRE, PROTO_DOWN, APP_EVENT) == -1);
	CHECK(proto_value_max(PROTO_WIRE, PROTO_DOWN, APP_IMAGE) ==
		-1); /* the browser never sees it */
}

TEST(the_box_link_carries_no_fields_at_all)
{
	for (int type = 0; type < 256; type++)
		for (int direction = PROTO_UP; direction <= PROTO_DOWN; direction++) {
			const struct proto_message *m = proto_find(
				PROTO_BOX, (enum proto_direction)direction, (uint8_t)type);

			CHECK(!m || m->n_fields == 0);
		}
	CHECK(proto_value_max(PROTO_BOX, PROTO_UP, BOX_SPAWN) == 0);
}

TEST(names_are_for_logs)
{
	CHECK(strcmp(proto_name(PROTO_APP, APP_HELLO), "app.HELLO") == 0);
	CHECK(strcmp(proto_name(PROTO_APP, APP_OPEN), "app.OPEN") == 0);
	CHECK(strcmp(proto_name(PROTO_APP, 0xfe), "type 0xfe") == 0);
}

/* The node numbers of docs/UI-TREE.md, which three languages have to compute alike. */
TEST(node_numbers_are_the_crc_of_the_key)
{
	CHECK(crc32c(0, "column", 6) != crc32c(0, "column/chatbot", 14));
	CHECK(crc32c(0, "column", 6) == crc32c(crc32c(0, "col", 3), "umn", 3));
}

TEST_MAIN()
