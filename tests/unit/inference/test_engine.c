/* The engine with the shipped models: what is asked alone and among others comes out the same. */
#include "inference/engine/engine.h"

#include <errno.h>

#include "tests/unit/inference/asked.h"

static struct device *device;
static struct model *sentiment;

static const char *const prompts[] = {CHAT("Write a story about a fox"),
	CHAT("Write a story about the sea"), CHAT("Tell me a story about rain"),
	CHAT("Write a story about a cat and a small boat"), CHAT("Write a story"),
	CHAT("Write a long story about a king, his three daughters and the wind in the trees")};

#define N_PROMPTS (sizeof(prompts) / sizeof(prompts[0]))

static struct sampling sampling_of(size_t i)
{
	/* Every other one drawn, with a seed of its own. */
	return (struct sampling){.temperature = i % 2 ? 0.9 : 0,
		.top_p = 0.95,
		.seed = i + 1,
		.max_tokens = 20 + (uint32_t)i * 5};
}

TEST(alone_and_among_others_the_same_text)
{
	struct watch alone[N_PROMPTS] = {0}, together[N_PROMPTS] = {0};
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	for (size_t i = 0; i < N_PROMPTS; i++) {
		CHECK(ask(e, &alone[i], prompts[i], sampling_of(i), NULL) == 0);
		while (engine_step(e))
			;
		CHECK(alone[i].done && alone[i].o.r == 0 && alone[i].n > 0);
	}
	for (size_t i = 0; i < N_PROMPTS; i++) {
		CHECK(ask(e, &together[i], prompts[i], sampling_of(i), NULL) == 0);
		request_set_group(together[i].request, (uint32_t)i % 3);
		if (i > 3)
			(void)engine_step(e); /* they join one after the other */
	}
	while (engine_step(e))
		;
	for (size_t i = 0; i < N_PROMPTS; i++) {
		CHECK(together[i].done);
		CHECK(!strcmp(alone[i].text, together[i].text));
		CHECK(together[i].o.usage.tokens_out == alone[i].o.usage.tokens_out);
	}
	engine_free(e);
}

TEST(shares_of_the_device_add_up_to_the_time_it_was_busy)
{
	struct watch w[N_PROMPTS] = {0};
	struct engine *e;
	uint64_t sum = 0;

	CHECK(engine_new(&e) == 0);
	for (size_t i = 0; i < N_PROMPTS; i++)
		CHECK(ask(e, &w[i], prompts[i], sampling_of(i), NULL) == 0);
	while (engine_step(e))
		;
	for (size_t i = 0; i < N_PROMPTS; i++) {
		CHECK(w[i].o.usage.device_usec > 0 && w[i].o.usage.tokens_in > 0);
		sum += w[i].o.usage.device_usec;
	}
	CHECK(sum + N_PROMPTS >= engine_busy_usec(e) && sum <= engine_busy_usec(e) + N_PROMPTS);
	engine_free(e);
}

struct purse {
	struct watch watch; /* first: callbacks take it */
	uint64_t left, charged;
};

static bool pay(uint64_t nsec, void *data)
{
	struct purse *p = data;

	p->charged += nsec;
	p->left = p->left > nsec ? p->left - nsec : 0;
	return p->left > 0;
}

static const struct request_ops paying = {on_text, on_end, pay};

static void ask_paying(struct engine *e, struct purse *p, uint64_t left)
{
	struct prompt q = {.text = {prompts[0], strlen(prompts[0])},
		.framed = true,
		.sampling = {.top_p = 1, .max_tokens = 40}};

	*p = (struct purse){.left = left};
	CHECK(engine_write(e, writer, &q, &paying, p, &p->watch.request, NULL) == 0);
}

TEST(who_can_pay_no_more_gets_what_was_written_and_the_shares_are_exact)
{
	struct purse rich, poor, broke;
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	ask_paying(e, &rich, UINT64_MAX);
	ask_paying(e, &poor, UINT64_MAX);
	ask_paying(e, &broke, 1); /* not even the prompt */
	while (poor.watch.pieces < 2)
		CHECK(engine_step(e));
	poor.left = 1;
	while (engine_step(e))
		;
	CHECK(rich.watch.done && rich.watch.o.r == 0);
	CHECK(poor.watch.done && poor.watch.o.r == 0 && poor.watch.n > 0);
	CHECK(!strcmp(poor.watch.o.finish_reason, "quota"));
	CHECK(!strncmp(poor.watch.text, rich.watch.text, poor.watch.n) &&
		poor.watch.n < rich.watch.n);
	CHECK(broke.watch.done && broke.watch.o.r == -EDQUOT && broke.watch.n == 0);
	CHECK((rich.charged + poor.charged + broke.charged) / 1000 == engine_busy_usec(e));
	CHECK(rich.charged == rich.watch.o.usage.device_nsec);
	engine_free(e);
}

#define N_SHARING (ENGINE_WRITING_MAX + 8)

/* Many draw on what one has. */
static struct purse sharing[N_SHARING];
static uint64_t shared_left, overspent;

static bool pay_shared(uint64_t nsec, void *data)
{
	struct purse *p = data;

	p->charged += nsec;
	overspent += nsec > shared_left ? nsec - shared_left : 0;
	shared_left -= nsec < shared_left ? nsec : shared_left;
	for (size_t i = 0; shared_left == 0 && i < N_SHARING; i++)
		if (!sharing[i].watch.done)
			request_break(sharing[i].watch.request);
	return shared_left > 0;
}

TEST(those_who_share_a_budget_overspend_it_by_one_step_together_and_not_by_one_each)
{
	static const struct request_ops sharers = {on_text, on_end, pay_shared};
	struct prompt q = {.text = {prompts[0], strlen(prompts[0])},
		.framed = true,
		.sampling = {.top_p = 1, .max_tokens = 40}};
	uint64_t before = 0, last = 0;
	struct engine *e;
	size_t waited = 0;

	shared_left = 30000000;
	CHECK(engine_new(&e) == 0);
	for (size_t i = 0; i < N_SHARING; i++)
		CHECK(engine_write(e, writer, &q, &sharers, &sharing[i], &sharing[i].watch.request,
			      NULL) == 0);
	while (shared_left > 0) {
		before = engine_busy_usec(e);
		(void)engine_step(e);
		last = engine_busy_usec(e) - before;
	}
	CHECK(engine_requests(e) == 0);
	CHECK(overspent / 1000 <= last);
	for (size_t i = 0; i < N_SHARING; i++) {
		const struct outcome *o = &sharing[i].watch.o;

		CHECK(sharing[i].watch.done);
		CHECK(o->r == -EDQUOT || !strcmp(o->finish_reason, "quota") ||
			!strcmp(o->finish_reason, "stop"));
		waited += sharing[i].charged == 0;
	}
	CHECK(waited >= 8); /* who had no place yet did not get one to hear it */
	engine_free(e);
}

TEST(a_cancelled_request_is_gone_before_the_next_step)
{
	struct watch a = {0}, b = {0}, c = {.cancel_at = 3};
	struct sampling how = {.top_p = 1, .max_tokens = 60};
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	CHECK(ask(e, &a, prompts[0], how, NULL) == 0 && ask(e, &b, prompts[1], how, NULL) == 0 &&
		ask(e, &c, prompts[2], how, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(engine_step(e));
	request_cancel(a.request);
	CHECK(engine_requests(e) == 2);
	int pieces = a.pieces;

	while (engine_step(e))
		;
	CHECK(!a.done && a.pieces == pieces);
	CHECK(b.done && b.o.r == 0);
	CHECK(!c.done && c.pieces == 3); /* from its own callback */
	CHECK(engine_requests(e) == 0);
	engine_free(e);
}

TEST(a_callback_may_cancel_another_request_of_the_same_step)
{
	struct watch a = {0}, b = {0};
	struct sampling how = {.top_p = 1, .max_tokens = 10};
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	a.victim = &b;
	CHECK(ask(e, &a, prompts[0], how, NULL) == 0 && ask(e, &b, prompts[0], how, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(a.done && !b.done && b.pieces == 0);
	engine_free(e);
}

TEST(length_and_stop_strings_end_a_text)
{
	struct watch w = {0};
	struct prompt p = {.text = {prompts[0], strlen(prompts[0])},
		.framed = true,
		.sampling = {.top_p = 1, .max_tokens = 3}};
	struct engine *e;
	char first_words[64];

	CHECK(engine_new(&e) == 0);
	CHECK(engine_write(e, writer, &p, &ops, &w, &w.request, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(w.done && !strcmp(w.o.finish_reason, "length") && w.o.usage.tokens_out == 3);
	CHECK(w.n > 2 && w.n < sizeof(first_words));

	/* The text's last two letters as a stop string: all before them stays. */
	memcpy(first_words, w.text, w.n + 1);
	p.stops[0] = (struct text){first_words + w.n - 2, 2};
	p.n_stops = 1;
	p.sampling.max_tokens = 40;
	w = (struct watch){0};
	CHECK(engine_write(e, writer, &p, &ops, &w, &w.request, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(w.done && !strcmp(w.o.finish_reason, "stop"));
	CHECK(!strstr(w.text, first_words + strlen(first_words) - 2));
	engine_free(e);
}

TEST(limits_are_refused_with_words)
{
	struct watch w = {0};
	struct engine *e;
	struct err why = {0};
	char *text = long_text(2000);
	struct text texts[] = {{text, strlen(text)}};

	CHECK(engine_new(&e) == 0);
	CHECK(ask(e, &w, text, sampling_of(0), &why) == -EMSGSIZE);
	CHECK(strstr(why.text, "more than 511 tokens"));
	why = (struct err){0};
	CHECK(read_texts(e, sentiment, texts, 1, &w, &why) == -EMSGSIZE);
	CHECK(strstr(why.text, "more than 256 tokens"));
	CHECK(read_texts(e, writer, texts, 1, &w, NULL) == -ENOTSUP);
	CHECK(ask(e, &w, "\xff", sampling_of(0), NULL) == -EINVAL);
	CHECK(engine_requests(e) == 0);
	engine_free(e);
	free(text);
}

TEST(a_full_queue_is_busy_and_empties)
{
	static struct watch w[ENGINE_REQUESTS_MAX + 1];
	struct engine *e;
	struct err why = {0};

	memset(w, 0, sizeof(w));
	CHECK(engine_new(&e) == 0);
	for (size_t i = 0; i < ENGINE_REQUESTS_MAX; i++)
		CHECK(ask(e, &w[i], prompts[i % N_PROMPTS],
			      (struct sampling){.top_p = 1, .max_tokens = 2}, NULL) == 0);
	CHECK(ask(e, &w[ENGINE_REQUESTS_MAX], prompts[0], sampling_of(0), &why) == -EBUSY);
	while (engine_step(e))
		;
	for (size_t i = 0; i < ENGINE_REQUESTS_MAX; i++)
		CHECK(w[i].done && w[i].o.r == 0);
	CHECK(w[ENGINE_REQUESTS_MAX - 1].o.usage.queue_usec > w[0].o.usage.queue_usec);
	engine_free(e);
}

TEST(a_long_prompt_does_not_hold_up_a_text_under_way)
{
	struct watch a = {0}, b = {0};
	char *text = long_text(400);
	struct engine *e;
	int before;

	CHECK(engine_new(&e) == 0);
	CHECK(ask(e, &a, prompts[3], (struct sampling){.top_p = 1, .max_tokens = 40}, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(engine_step(e));
	CHECK(ask(e, &b, text, (struct sampling){.top_p = 1, .max_tokens = 2}, NULL) == 0);
	before = a.pieces;
	CHECK(engine_step(e) && engine_step(e));
	CHECK(a.done || a.pieces >= before + 1);
	engine_free(e); /* with requests under way */
	free(text);
}

TEST(texts_are_classified_alone_and_together_the_same)
{
	const char *lines[] = {"I love this film.", "It was awful, never again.",
		"The shop opens at nine.", "",
		"What a wonderful, warm and funny evening we had there with our friends!"};
	struct text texts[5];
	struct watch all = {0}, one[5] = {0};
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	for (int i = 0; i < 5; i++)
		texts[i] = (struct text){lines[i], strlen(lines[i])};
	CHECK(read_texts(e, sentiment, texts, 5, &all, NULL) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(read_texts(e, sentiment, &texts[i], 1, &one[i], NULL) == 0);
	while (engine_step(e))
		;
	CHECK(all.done && all.n_rows == 5);
	for (int i = 0; i < 5; i++)
		CHECK(one[i].done && !memcmp(one[i].rows, all.rows + 2 * i, 2 * sizeof(float)));
	CHECK(all.rows[1] > all.rows[0] && all.rows[2] > all.rows[3]); /* positive, negative */
	engine_free(e);
}

/* --- groups --- */

#define CROWD 40

static void ask_many(struct engine *e, struct watch *of, uint32_t group, uint32_t max_tokens)
{
	for (int i = 0; i < CROWD; i++) {
		const struct sampling how = {.max_tokens = max_tokens, .temperature = 2, .seed = 7};

		CHECK(ask(e, &of[i], prompts[5], how, NULL) == 0);
		request_set_group(of[i].request, group);
	}
}

static int count_done(const struct watch *of)
{
	int n = 0;

	for (int i = 0; i < CROWD; i++)
		n += of[i].done;
	return n;
}

/* catalogue 32 */
TEST(a_crowd_of_one_group_leaves_a_place_for_another)
{
	struct watch *crowd = calloc(CROWD, sizeof(*crowd)), other = {0};
	struct engine *e;
	int steps = 0;

	CHECK(crowd && engine_new(&e) == 0);
	ask_many(e, crowd, 1, 200);
	for (int i = 0; i < 30; i++)
		CHECK(engine_step(e)); /* the crowd has taken what it may */
	CHECK(ask(e, &other, prompts[4], (struct sampling){.max_tokens = 5}, NULL) == 0);
	request_set_group(other.request, 2);
	for (; !other.done; steps++)
		CHECK(engine_step(e));
	/* Its prompt and five tokens, while most of the crowd has not begun. */
	CHECK(steps <= 60 && count_done(crowd) < CROWD / 2);
	engine_free(e);
	free(crowd);
}

/* catalogue 32 */
TEST(prompts_of_a_crowd_do_not_hold_up_the_prompt_of_another_group)
{
	struct watch *crowd = calloc(CROWD, sizeof(*crowd)), other = {0};
	struct engine *e;
	int steps = 0;

	CHECK(crowd && engine_new(&e) == 0);
	ask_many(e, crowd, 1, 2);
	CHECK(ask(e, &other, prompts[4], (struct sampling){.max_tokens = 2}, NULL) == 0);
	request_set_group(other.request, 2);
	for (; !other.done; steps++)
		CHECK(engine_step(e));
	/* It is short: half of each step's rows reads it long before the crowd's are read. */
	CHECK(count_done(crowd) < CROWD / 2 && steps <= 60);
	engine_free(e);
	free(crowd);
}

/* catalogue 32 */
TEST(texts_of_a_crowd_and_of_another_group_are_classified_in_turn)
{
	struct watch *crowd = calloc(CROWD, sizeof(*crowd)), other = {0};
	struct text texts[ENGINE_SEQUENCES_MAX];
	struct engine *e;
	int steps = 0;

	CHECK(crowd && engine_new(&e) == 0);
	for (int i = 0; i < ENGINE_SEQUENCES_MAX; i++)
		texts[i] =
			(struct text){"What a wonderful evening, said nobody at all that day.", 54};
	for (int i = 0; i < CROWD; i++) {
		CHECK(read_texts(e, sentiment, texts, ENGINE_SEQUENCES_MAX, &crowd[i], NULL) == 0);
		request_set_group(crowd[i].request, 1);
	}
	CHECK(read_texts(e, sentiment, texts, 1, &other, NULL) == 0);
	request_set_group(other.request, 2);
	for (; !other.done; steps++)
		CHECK(engine_step(e));
	CHECK(steps <= 2 && count_done(crowd) == 0);
	engine_free(e);
	free(crowd);
}

/* --- payers --- */

static void ask_for(struct engine *e, struct watch *w, const char *payer, uint32_t weight,
	uint32_t group, uint32_t max_tokens)
{
	CHECK(ask(e, w, prompts[5],
		      (struct sampling){.max_tokens = max_tokens, .temperature = 2, .seed = 7},
		      NULL) == 0);
	request_set_group(w->request, group);
	request_set_payer(w->request, "", payer, weight);
}

static uint64_t sum_device(struct watch *of, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		struct usage usage = of[i].o.usage;

		if (of[i].request)
			request_usage(of[i].request, &usage);
		sum += usage.device_nsec;
	}
	return sum;
}

TEST(more_spaces_of_one_payer_are_not_more_of_the_device)
{
	struct watch *many = calloc(CROWD, sizeof(*many)), *one = calloc(CROWD, sizeof(*one));
	struct engine *e;
	double ratio;

	CHECK(many && one && engine_new(&e) == 0);
	for (uint32_t i = 0; i < CROWD; i++) {
		ask_for(e, &many[i], "user:many", 1, i, 400);
		ask_for(e, &one[i], "user:one", 1, 1000, 400);
	}
	for (int i = 0; i < 100; i++) /* long before the first has all it wants */
		CHECK(engine_step(e));
	ratio = (double)sum_device(many, CROWD) / (double)sum_device(one, CROWD);
	CHECK(ratio > 0.8 && ratio < 1.25);
	engine_free(e);
	free(many);
	free(one);
}

TEST(a_payer_of_three_times_the_weight_gets_more_of_the_device_within_half_a_second)
{
	struct watch *heavy = calloc(CROWD, sizeof(*heavy)), *light = calloc(CROWD, sizeof(*light));
	uint64_t heavy_before = 0, light_before = 0;
	struct engine *e;
	double ratio;

	CHECK(heavy && light && engine_new(&e) == 0);
	for (uint32_t i = 0; i < CROWD; i++) {
		ask_for(e, &light[i], "user:light", 1, 1, 400);
		ask_for(e, &heavy[i], "user:heavy", 3, 2, 400);
	}
	for (int i = 0; i < 100; i++) {
		/* Who came first has all places at first. */
		if (i == 40) {
			heavy_before = sum_device(heavy, CROWD);
			light_before = sum_device(light, CROWD);
		}
		CHECK(engine_step(e));
	}
	ratio = (double)(sum_device(heavy, CROWD) - heavy_before) /
		(double)(sum_device(light, CROWD) - light_before);
	/* On the way to three times, which the schedule's own test holds with a clock of its own: a
	   quick machine is through before all places have gone over. */
	CHECK(ratio > 1.2 && ratio < 3.6);
	engine_free(e);
	free(heavy);
	free(light);
}

TEST(all_places_are_lent_and_the_first_step_gives_one_back_whose_text_comes_out_the_same)
{
	struct watch *crowd = calloc(CROWD, sizeof(*crowd)), other = {0}, alone = {0};
	struct engine *e;
	int steps = 0;

	CHECK(crowd && engine_new(&e) == 0);
	ask_for(e, &alone, "user:crowd", 1, 1, 60);
	while (engine_step(e))
		;
	for (int i = 0; i < CROWD; i++)
		ask_for(e, &crowd[i], "user:crowd", 1, 1, 60);
	for (int i = 0; i < 60; i++)
		CHECK(engine_step(e));
	ask_for(e, &other, "user:other", 1, 2, 1);
	for (; !other.done; steps++)
		CHECK(engine_step(e));
	CHECK(steps <= 12 && count_done(crowd) < CROWD);
	while (engine_step(e))
		;
	for (int i = 0; i < CROWD; i++)
		CHECK(crowd[i].done && !strcmp(crowd[i].text, alone.text));
	engine_free(e);
	free(crowd);
}

int main(void)
{
	if (access("models/tiny-writer/model.safetensors", R_OK) < 0 ||
		access("models/tiny-sentiment/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: the shipped models are not there\n");
		return 77;
	}
	CHECK(device_open("cpu", NULL, &device, NULL) == 0);
	writer = known_model(device, "models/tiny-writer");
	sentiment = known_model(device, "models/tiny-sentiment");
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	model_free(writer);
	model_free(sentiment);
	device_close(device);
	return 0;
}
