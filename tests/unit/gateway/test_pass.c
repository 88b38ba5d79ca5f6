#include "gateway/pass.h"

#include "tests/support/test.h"

#define HOST "ada-mood.s.org"
#define STATE "00000000000000000000000000000000000000000000000000000000000000aa"

static struct passes *make(unsigned char first)
{
	struct visitor_key key = {.bytes = {first}};
	struct passes *p;

	CHECK(passes_new(&key, &p) == 0);
	return p;
}

static bool opens(const struct passes *p, const char *host, const char *pass, uint64_t now)
{
	char sign_in[SIGN_IN_MAX + 1];
	size_t n = 0;
	bool ok = pass_open(p, host, pass, strlen(pass), now, sign_in, &n);

	CHECK(!ok || (n == 6 && !strcmp(sign_in, "cookie")));
	return ok;
}

static const uint8_t home[] = {192, 0, 2};

static struct handover to(const char *host, const char *state)
{
	return (struct handover){
		.host = host, .state = state, .network = home, .network_n = sizeof(home)};
}

static bool seals(const struct passes *p, uint64_t now, char ret[PASS_MAX + 1])
{
	const struct handover h = to(HOST, STATE);

	return handover_seal(p, &h, "cookie", 6, now, ret);
}

static bool takes_from(struct passes *p, const struct handover *h, const char *code, uint64_t now)
{
	char sign_in[SIGN_IN_MAX + 1];
	size_t n = 0;
	bool ok = handover_take(p, h, code, now, sign_in, &n);

	CHECK(!ok || (n == 6 && !strcmp(sign_in, "cookie")));
	return ok;
}

static bool takes(
	struct passes *p, const char *host, const char *state, const char *code, uint64_t now)
{
	const struct handover h = to(host, state);

	return takes_from(p, &h, code, now);
}

TEST(a_pass_is_good_for_its_host_alone_and_for_its_time)
{
	struct passes *p = make(1), *again = make(1), *other = make(2);
	char pass[PASS_MAX + 1];

	CHECK(pass_seal(p, HOST, "cookie", 6, 1000, pass));
	CHECK(!strstr(pass, "cookie") && opens(p, HOST, pass, 1000));
	CHECK(opens(again, HOST, pass, 1000 + PASS_SEC - 1)); /* a restart changes nothing */
	CHECK(!opens(p, HOST, pass, 1000 + PASS_SEC));
	CHECK(!opens(p, "bob-mood.s.org", pass, 1000) && !opens(other, HOST, pass, 1000));
	(void)passes_free(p);
	(void)passes_free(again);
	(void)passes_free(other);
}

TEST(whatever_is_changed_in_a_pass_opens_nothing)
{
	struct passes *p = make(1);
	char pass[PASS_MAX + 1], sign_in[SIGN_IN_MAX + 1];
	size_t n;

	CHECK(pass_seal(p, HOST, "cookie", 6, 1000, pass));
	for (size_t i = 0; i < strlen(pass); i++) {
		char before = pass[i];

		pass[i] = before == '0' ? '1' : '0';
		CHECK(!opens(p, HOST, pass, 1000));
		pass[i] = before;
	}
	for (size_t i = 0; i < strlen(pass); i++)
		CHECK(!pass_open(p, HOST, pass, i, 1000, sign_in, &n));
	CHECK(opens(p, HOST, pass, 1000));
	(void)passes_free(p);
}

TEST(a_code_is_good_once_for_one_browser_and_a_minute)
{
	struct passes *p = make(1), *again = make(1);
	char code[PASS_MAX + 1], second[PASS_MAX + 1];

	CHECK(seals(p, 1000, code));
	CHECK(seals(p, 1000, second));
	CHECK(!takes(p, "bob-mood.s.org", STATE, code, 1000));
	CHECK(!takes(p, HOST, STATE + 1, code, 1000));
	CHECK(!takes(
		again, HOST, STATE, code, 1000)); /* of another process, which knows no used ones */
	CHECK(!opens(p, HOST, code, 1000));       /* and no pass */
	CHECK(takes(p, HOST, STATE, code, 1059) && !takes(p, HOST, STATE, code, 1059));
	CHECK(!takes(p, HOST, STATE, second, 1060));
	(void)passes_free(p);
	(void)passes_free(again);
}

TEST(a_code_is_good_in_the_network_it_was_made_for)
{
	static const uint8_t away[] = {192, 0, 3}, six[] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1};
	struct passes *p = make(1);
	struct handover h = to(HOST, STATE);
	char code[PASS_MAX + 1];

	CHECK(seals(p, 1000, code));
	h.network = away;
	CHECK(!takes_from(p, &h, code, 1000));
	h.network_n = 2;
	CHECK(!takes_from(p, &h, code, 1000));
	h.network = six;
	h.network_n = sizeof(six);
	CHECK(!takes_from(p, &h, code, 1000));
	CHECK(takes(p, HOST, STATE, code, 1000));
	(void)passes_free(p);
}

TEST(used_codes_are_forgotten_with_their_time)
{
	struct passes *p = make(1);
	char code[PASS_MAX + 1];

	for (uint64_t now = 1000; now < 1000 + 10 * HANDOVER_SEC; now++) {
		CHECK(seals(p, now, code));
		CHECK(takes(p, HOST, STATE, code, now) && !takes(p, HOST, STATE, code, now));
	}
	(void)passes_free(p);
}

TEST(the_longest_sign_in_fits_and_a_longer_one_is_refused)
{
	struct passes *p = make(1);
	char text[SIGN_IN_MAX + 2], pass[PASS_MAX + 1], back[SIGN_IN_MAX + 1];
	size_t n;

	memset(text, 'x', sizeof(text));
	CHECK(!pass_seal(p, HOST, text, SIGN_IN_MAX + 1, 1, pass) &&
		!pass_seal(p, HOST, text, 0, 1, pass));
	CHECK(pass_seal(p, HOST, text, SIGN_IN_MAX, 1, pass));
	CHECK(pass_open(p, HOST, pass, strlen(pass), 1, back, &n) && n == SIGN_IN_MAX);
	(void)passes_free(p);
}

TEST_MAIN()
