#include "proto/grant.h"

#include "tests/support/test.h"

static struct grant_key key = {.id = 7, .bytes = {1, 2, 3}};
static const struct grant_place here = {.replica = "w1", .session = 4, .n = 9};
static const struct grant_terms terms = {
	.budget_msec = 60000, .deadline_usec = 1234567890123456, .payer = "user:ada"};

static bool opens(const struct grant_key *k, const char *replica, uint32_t session, uint32_t n,
	const char *text)
{
	const struct grant_place place = {.replica = replica, .session = session, .n = n};
	struct grant_terms got;

	return grant_open(k, &place, text, &got);
}

TEST(what_was_sealed_is_opened_where_it_is_for)
{
	char text[GRANT_MAX + 1];
	struct grant_terms got;
	uint32_t id;

	CHECK(grant_seal(&key, &here, &terms, text));
	CHECK(grant_key_id(text, &id) && id == 7);
	CHECK(grant_open(&key, &here, text, &got));
	CHECK(got.budget_msec == terms.budget_msec && got.deadline_usec == terms.deadline_usec);
	CHECK(!strcmp(got.payer, "user:ada"));
}

TEST(on_another_link_for_another_event_or_session_it_is_nothing)
{
	char text[GRANT_MAX + 1];
	struct grant_key other = key;

	CHECK(grant_seal(&key, &here, &terms, text));
	CHECK(opens(&key, "w1", 4, 9, text));
	CHECK(!opens(&key, "w2", 4, 9, text));
	CHECK(!opens(&key, "w", 4, 9, text));
	CHECK(!opens(&key, "w1", 5, 9, text));
	CHECK(!opens(&key, "w1", 4, 10, text));
	other.bytes[31] ^= 1;
	CHECK(!opens(&other, "w1", 4, 9, text));
}

TEST(a_changed_digit_anywhere_makes_it_nothing)
{
	char text[GRANT_MAX + 1];

	CHECK(grant_seal(&key, &here, &terms, text));
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];

		text[i] = was == '0' ? '1' : '0';
		CHECK(!opens(&key, "w1", 4, 9, text));
		text[i] = 'g';
		CHECK(!opens(&key, "w1", 4, 9, text));
		text[i] = was;
	}
	CHECK(opens(&key, "w1", 4, 9, text));
}

TEST(shortened_lengthened_and_empty_texts_are_nothing)
{
	char text[GRANT_MAX + 3];
	size_t n;

	CHECK(grant_seal(&key, &here, &terms, text));
	n = strlen(text);
	text[n] = '0';
	text[n + 1] = '\0';
	CHECK(!opens(&key, "w1", 4, 9, text));
	text[n + 1] = '0';
	text[n + 2] = '\0';
	CHECK(!opens(&key, "w1", 4, 9, text));
	for (size_t i = n; i-- > 0;) {
		text[i] = '\0';
		CHECK(!opens(&key, "w1", 4, 9, text));
	}
}

TEST(the_longest_payer_fits_and_no_two_grants_are_alike)
{
	struct grant_terms longest = terms, got;
	char a[GRANT_MAX + 1], b[GRANT_MAX + 1];

	memset(longest.payer, 'x', GRANT_PAYER_MAX);
	CHECK(grant_seal(&key, &here, &longest, a) && grant_seal(&key, &here, &longest, b));
	CHECK(strlen(a) <= GRANT_MAX && strcmp(a, b) != 0);
	CHECK(grant_open(&key, &here, a, &got) && strlen(got.payer) == GRANT_PAYER_MAX);
}

TEST_MAIN()
