#include "gateway/grants.h"

#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "gateway/session/sessions.h"
#include "proto/messages.h"
#include "tests/support/test.h"

/* What inference would have heard. */
struct heard {
	struct grant_key keys[4];
	size_t n_keys;
	uint8_t ended[4096];
	size_t n_ended, messages;
};

static void hear(const struct frame *f, void *data)
{
	struct heard *h = data;
	struct models_key m;
	struct err e = {0};

	if (f->type == MODELS_REVOKE) {
		CHECK(h->n_ended + f->length <= sizeof(h->ended));
		memcpy(h->ended + h->n_ended, f->value, f->length);
		h->n_ended += f->length;
		h->messages++;
		return;
	}
	CHECK(f->type == MODELS_KEY && h->n_keys < 4);
	CHECK(models_key_read(&m, f->value, f->length, &e) == 0);
	h->keys[h->n_keys] =
		(struct grant_key){.id = (uint32_t)m.id, .until_usec = (uint64_t)m.until_usec};
	CHECK(hex_read(m.key, GRANT_KEY_LEN, h->keys[h->n_keys++].bytes));
	models_key_done(&m);
}

struct fixture {
	struct loop *loop;
	struct visitor_key visitors;
	struct classes classes;
	struct heard heard;
	struct grants *grants;
	struct session_live live;
	struct session session;
};

static void set_up(struct fixture *f)
{
	struct grants_config config;

	*f = (struct fixture){.visitors = {{1}}};
	CHECK(loop_new(&f->loop) == 0);
	config = (struct grants_config){.loop = f->loop,
		.visitors = &f->visitors,
		.classes = &f->classes,
		.send = hear,
		.data = &f->heard};
	CHECK(grants_new(&config, &f->grants) == 0);
	f->session = (struct session){.number = 5, .visitor = "v", .live = &f->live};
}

static void tear_down(struct fixture *f)
{
	(void)grants_free(f->grants);
	(void)loop_free(f->loop);
}

static void check_payer(struct fixture *f, const char *payer)
{
	const struct grant_place place = {.replica = "w1", .session = 5, .n = 3};
	char text[GRANT_MAX + 1];
	struct grant_terms terms;
	uint64_t now = clock_mono_usec();

	CHECK(grants_mint(
		f->grants, &f->session, "w1", &(struct frame){.seq = 3, .node = 9, .op = 1}, text));
	CHECK(grant_open(&f->heard.keys[0], &place, text, &terms));
	CHECK(!strncmp(terms.payer, payer, strlen(payer)));
	CHECK(!strchr(terms.payer, '@') == !strchr(payer, '@'));
	CHECK(terms.budget_msec == GRANT_BUDGET_MSEC);
	CHECK(terms.deadline_usec > now && terms.deadline_usec < f->heard.keys[0].until_usec);
	/* By the clock that nobody sets. */
	CHECK(terms.deadline_usec <= clock_mono_usec() + GRANT_LIFE_SEC * USEC_PER_SEC);
}

TEST(who_is_signed_in_pays_by_name_others_by_their_network_and_the_lost_by_their_cookie)
{
	struct fixture f;

	set_up(&f);
	check_payer(&f, "network:");
	(void)snprintf(f.live.network, sizeof(f.live.network), "0123456789abcdef");
	check_payer(&f, "network:0123456789abcdef");
	(void)snprintf(f.session.user, sizeof(f.session.user), "ada");
	check_payer(&f, "user:ada");
	tear_down(&f);
}

TEST(the_class_of_a_network_goes_with_who_pays_and_the_longest_prefix_counts)
{
	json_t *networks = json_pack("[[s,s],[s,s]]", "10.0.0.0/8", "campus", "10.1.0.0/16", "lab");
	json_t *bad = json_pack("[[s,s]]", "10.0.0.1/8", "campus");
	struct fixture f;
	struct err e = {0};

	set_up(&f);
	CHECK(classes_set(&f.classes, networks, &e) == 0);
	(void)snprintf(f.live.network, sizeof(f.live.network), "0123456789abcdef");
	memcpy(f.live.address, "\x0a\x02\x03\x04", 4);
	f.live.address_n = 4;
	check_payer(&f, "network:0123456789abcdef@campus");
	f.live.address[1] = 1;
	check_payer(&f, "network:0123456789abcdef@lab");
	CHECK(classes_set(&f.classes, bad, &e) == -EINVAL); /* and the old ones stay */
	check_payer(&f, "network:0123456789abcdef@lab");
	f.live.address[0] = 11;
	check_payer(&f, "network:0123456789abcdef");
	(void)snprintf(f.session.user, sizeof(f.session.user), "ada");
	f.live.address[0] = 10;
	check_payer(&f, "user:ada");
	json_decref(networks);
	json_decref(bad);
	tear_down(&f);
}

TEST(inference_is_told_the_keys_whenever_it_is_reached)
{
	struct fixture f;

	set_up(&f);
	CHECK(f.heard.n_keys == 1);
	grants_greet(f.grants);
	CHECK(f.heard.n_keys == 2);
	CHECK(f.heard.keys[0].id == f.heard.keys[1].id);
	CHECK(!memcmp(f.heard.keys[0].bytes, f.heard.keys[1].bytes, GRANT_KEY_LEN));
	tear_down(&f);
}

TEST(events_that_end_together_are_told_together)
{
	struct fixture f;

	set_up(&f);
	grants_revoke(f.grants, "w1", 5, 3);
	grants_revoke(f.grants, "w22", 0x01020304, 4);
	CHECK(f.heard.messages == 0);
	while (f.heard.messages == 0)
		CHECK(loop_dispatch(f.loop, 1000) >= 0);
	CHECK(f.heard.messages == 1);
	CHECK(f.heard.n_ended == 3 + 8 + 4 + 8);
	CHECK(!memcmp(f.heard.ended, "w1\0\5\0\0\0\3\0\0\0w22\0\4\3\2\1\4\0\0\0", 23));
	tear_down(&f);
}

TEST(without_grants_nothing_is_minted_and_nothing_breaks)
{
	struct session s = {.number = 1};
	char text[GRANT_MAX + 1];

	CHECK(!grants_mint(NULL, &s, "w", &(struct frame){.seq = 1}, text));
	grants_revoke(NULL, "w", 1, 1);
}

TEST_MAIN()
