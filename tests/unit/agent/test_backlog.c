#include "agent/backlog.h"

#include <stdbool.h>
#include <string.h>

#include "tests/support/test.h"

struct seen {
	unsigned int n;
	bool in_order;
};

static void on_message(uint8_t type, const uint8_t *value, size_t n, void *data)
{
	struct seen *s = data;

	s->in_order = s->in_order && type == s->n % 7 && n == 1 + s->n % 100 &&
		      value[n - 1] == (uint8_t)s->n;
	s->n++;
}

static void add(struct backlog *b, unsigned int i)
{
	uint8_t value[100];

	memset(value, (int)(uint8_t)i, sizeof(value));
	backlog_add(b, (uint8_t)(i % 7), value, 1 + i % 100);
}

TEST(messages_come_out_in_order_and_once)
{
	struct seen s = {.in_order = true};
	struct backlog b;

	backlog_init(&b);
	for (unsigned int i = 0; i < 1000; i++)
		add(&b, i);
	CHECK(backlog_empty(&b, on_message, &s) == 0);
	CHECK(s.n == 1000 && s.in_order);
	CHECK(backlog_empty(&b, on_message, &s) == 0 && s.n == 1000);
	backlog_done(&b);
}

TEST(beyond_its_limit_it_keeps_the_beginning_and_counts_the_rest)
{
	struct seen s = {.in_order = true};
	struct backlog b;
	unsigned int dropped;

	backlog_init(&b);
	for (unsigned int i = 0; i < 100000; i++)
		add(&b, i);
	CHECK(b.records.len <= BACKLOG_MAX);
	dropped = backlog_empty(&b, on_message, &s);
	CHECK(dropped > 0 && s.n + dropped == 100000 && s.in_order);
	add(&b, s.n);
	CHECK(backlog_empty(&b, on_message, &s) == 0 && s.in_order);
	backlog_done(&b);
}

TEST_MAIN()
