#include "inference/grammars/matcher.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inference/grammars/build.h"

#define FRAMES_MAX (1u << 13)
#define BUCKETS (FRAMES_MAX * 2)
#define WAYS_MAX 1024             /* after one byte */
#define POOL_MAX (WAYS_MAX * 16u) /* of all bytes of a token that is tried */
#define WORK_MAX 8192             /* rules entered for one byte */
#define BUDGET 20000000           /* comparisons for one token, or for all: some 30 ms */
#define NOTHING 0                 /* the frame below all others */

/* Where to go on when a rule has ended, and below it the same for the rule around. */
struct frame {
	uint32_t at, below;
	uint32_t least; /* bytes from here to the end of all */
};

/* A set of bytes is to come at at. */
struct way {
	uint32_t at, frame;
};

/* The ways after some byte: a stretch of the pool. */
struct ways {
	uint32_t from, n;
	uint32_t least; /* of the shortest way to the end; 0: it may end here */
	bool ends;
};

struct task {
	uint32_t at, frame;
};

struct work {
	struct task of[WORK_MAX];
	uint32_t n, entered;
};

struct matcher {
	const struct grammar *g;
	struct frame frames[FRAMES_MAX];
	uint16_t buckets[BUCKETS]; /* frames by content; 0: free */
	uint32_t n_frames;
	struct way pool[POOL_MAX];
	struct work work;
	int64_t budget;  /* what is left for the token, or all tokens, at hand */
	struct ways now; /* at the beginning of the pool */
	struct ways steps[MATCHER_TOKEN_MAX + 1];
};

/* --- frames: equal ones are one --- */

static uint32_t hash_of(uint32_t at, uint32_t below)
{
	uint64_t h = ((uint64_t)at << 32 | below) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 40) % BUCKETS;
}

static uint32_t least_at(const struct matcher *m, uint32_t at, uint32_t frame)
{
	uint32_t here = m->g->least[at], below = m->frames[frame].least;

	return here + below < here ? LEAST_NEVER : here + below;
}

/* NOTHING on a full table. */
static uint32_t frame_of(struct matcher *m, uint32_t at, uint32_t below)
{
	uint32_t b = hash_of(at, below);

	for (; m->buckets[b]; b = (b + 1) % BUCKETS) {
		const struct frame *f = &m->frames[m->buckets[b]];

		if (f->at == at && f->below == below)
			return m->buckets[b];
	}
	if (m->n_frames == FRAMES_MAX)
		return NOTHING;
	m->frames[m->n_frames] = (struct frame){at, below, least_at(m, at, below)};
	m->buckets[b] = (uint16_t)m->n_frames;
	return m->n_frames++;
}

/* Keeps only the frames of the ways that there are now. */
static void sweep(struct matcher *m)
{
	static_assert(FRAMES_MAX <= UINT16_MAX, "a bucket holds a frame's number");
	uint16_t moved[FRAMES_MAX] = {0};
	uint32_t n = 1;

	/* A frame is above all below it, so marking runs downwards and moving upwards. */
	for (uint32_t i = 0; i < m->now.n; i++)
		moved[m->pool[i].frame] = 1;
	for (uint32_t i = m->n_frames; i-- > 1;)
		if (moved[i])
			moved[m->frames[i].below] = 1;
	moved[NOTHING] = NOTHING;
	memset(m->buckets, 0, sizeof(m->buckets));
	for (uint32_t i = 1; i < m->n_frames; i++) {
		struct frame f = m->frames[i];
		uint32_t b;

		if (!moved[i])
			continue;
		f.below = moved[f.below];
		for (b = hash_of(f.at, f.below); m->buckets[b]; b = (b + 1) % BUCKETS)
			;
		m->buckets[b] = (uint16_t)n;
		m->frames[n] = f;
		moved[i] = (uint16_t)n++;
	}
	m->n_frames = n;
	for (uint32_t i = 0; i < m->now.n; i++)
		m->pool[i].frame = moved[m->pool[i].frame];
}

/* --- ways --- */

static bool push(struct work *w, uint32_t at, uint32_t frame)
{
	if (w->n == WORK_MAX || ++w->entered > WORK_MAX)
		return false;
	w->of[w->n++] = (struct task){at, frame};
	return true;
}

static bool add_way(struct matcher *m, struct ways *to, uint32_t at, uint32_t frame)
{
	uint32_t least = least_at(m, at, frame);

	m->budget -= to->n + 1;
	for (uint32_t i = 0; i < to->n; i++)
		if (m->pool[to->from + i].at == at && m->pool[to->from + i].frame == frame)
			return true;
	if (to->n == WAYS_MAX || to->from + to->n == POOL_MAX)
		return false;
	m->pool[to->from + to->n++] = (struct way){at, frame};
	to->least = least < to->least ? least : to->least;
	return true;
}

/* Every alternative of a rule, which is followed by what stands at next. */
static bool enter(struct matcher *m, struct work *w, uint32_t rule, uint32_t next, uint32_t frame)
{
	const struct grammar *g = m->g;
	uint32_t at = g->rules[rule].start;

	/* Nothing follows: the rule takes its place, so that lists do not nest. */
	if (ELEMENT_KIND(g->elements[next]) != ELEMENT_END &&
		ELEMENT_KIND(g->elements[next]) != ELEMENT_OR) {
		frame = frame_of(m, next, frame);
		if (frame == NOTHING)
			return false;
	}
	for (bool begins = true;; at++) {
		if (begins && !push(w, at, frame))
			return false;
		begins = ELEMENT_KIND(g->elements[at]) == ELEMENT_OR;
		if (ELEMENT_KIND(g->elements[at]) == ELEMENT_END)
			return true;
	}
}

/* Adds all sets that may come at a place, through rules that begin and end there. */
static bool spread(struct matcher *m, struct ways *to, uint32_t at, uint32_t frame)
{
	struct work *w = &m->work;

	w->n = w->entered = 0;
	(void)push(w, at, frame);
	while (w->n > 0) {
		struct task t = w->of[--w->n];
		uint32_t x = m->g->elements[t.at];
		bool done = m->budget-- > 0;

		if (!done)
			return false;
		switch (ELEMENT_KIND(x)) {
		case ELEMENT_SET:
			done = add_way(m, to, t.at, t.frame);
			break;
		case ELEMENT_RULE:
			done = enter(m, w, ELEMENT_AT(x), t.at + 1, t.frame);
			break;
		case ELEMENT_END:
		case ELEMENT_OR:
			if (t.frame == NOTHING) {
				to->ends = true;
				to->least = 0;
			} else {
				done = push(w, m->frames[t.frame].at, m->frames[t.frame].below);
			}
			break;
		}
		if (!done)
			return false;
	}
	return true;
}

/* The ways after one more byte. A way that is too much is left out: less may come, never more. */
static struct ways advance(struct matcher *m, const struct ways *from, uint8_t byte)
{
	struct ways to = {.from = from->from + from->n, .least = LEAST_NEVER};

	m->budget -= from->n;
	for (uint32_t i = 0; i < from->n && m->budget > 0; i++) {
		struct way w = m->pool[from->from + i];

		if (set_has(&m->g->sets[ELEMENT_AT(m->g->elements[w.at])], byte))
			(void)spread(m, &to, w.at + 1, w.frame);
	}
	return to;
}

static bool leads_on(const struct ways *w, uint32_t most)
{
	return (w->n > 0 || w->ends) && w->least <= most;
}

/* --- texts --- */

struct matcher *matcher_new(const struct grammar *g)
{
	struct matcher *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->g = g;
	m->budget = BUDGET;
	m->n_frames = 1;
	m->now.least = LEAST_NEVER;
	/* The root's alternatives, as if a rule that ends with it had entered it. */
	for (uint32_t at = g->rules[0].start, begins = 1;; at++) {
		if (begins)
			(void)spread(m, &m->now, at, NOTHING);
		begins = ELEMENT_KIND(g->elements[at]) == ELEMENT_OR;
		if (ELEMENT_KIND(g->elements[at]) == ELEMENT_END)
			break;
	}
	return m;
}

struct matcher *matcher_free(struct matcher *m)
{
	free(m);
	return NULL;
}

bool matcher_ends(const struct matcher *m)
{
	return m->now.ends;
}

bool matcher_is_done(const struct matcher *m)
{
	return m->now.n == 0;
}

uint32_t matcher_least(const struct matcher *m)
{
	return m->now.least;
}

bool matcher_tries(struct matcher *m, const char *bytes, size_t n, uint32_t most)
{
	struct ways w = m->now;

	if (n == 0 || n > MATCHER_TOKEN_MAX)
		return false;
	m->budget = BUDGET;
	for (size_t i = 0; i < n; i++) {
		w = advance(m, &w, (uint8_t)bytes[i]);
		if (w.n == 0 && (i + 1 < n || !w.ends))
			return false;
	}
	return leads_on(&w, most);
}

bool matcher_takes(struct matcher *m, const char *bytes, size_t n)
{
	struct ways w = m->now;

	m->budget = BUDGET;
	for (size_t i = 0; i < n && i < MATCHER_TOKEN_MAX; i++)
		w = advance(m, &w, (uint8_t)bytes[i]);
	if (n > MATCHER_TOKEN_MAX || !leads_on(&w, LEAST_NEVER))
		return false;
	memmove(m->pool, m->pool + w.from, w.n * sizeof(*m->pool));
	w.from = 0;
	m->now = w;
	sweep(m);
	return true;
}

/* --- all tokens at once --- */

struct entry {
	const char *bytes;
	uint32_t n, token;
	uint32_t same; /* bytes that it begins with as the one before it does */
};

struct lexicon {
	uint32_t n;
	struct entry of[];
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = memcmp(x->bytes, y->bytes, x->n < y->n ? x->n : y->n);

	return order ? order : x->n != y->n ? (x->n < y->n ? -1 : 1) : x->token < y->token ? -1 : 1;
}

struct lexicon *lexicon_new(const struct spelling *of, uint32_t n)
{
	struct lexicon *l = malloc(sizeof(*l) + n * sizeof(l->of[0]));

	if (!l)
		return NULL;
	l->n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (of[i].bytes && of[i].n > 0 && of[i].n <= MATCHER_TOKEN_MAX)
			l->of[l->n++] = (struct entry){of[i].bytes, of[i].n, i, 0};
	qsort(l->of, l->n, sizeof(l->of[0]), compare_entries);
	for (uint32_t i = 1; i < l->n; i++) {
		struct entry *e = &l->of[i];
		const struct entry *before = e - 1;

		while (e->same < e->n && e->same < before->n &&
			e->bytes[e->same] == before->bytes[e->same])
			e->same++;
	}
	return l;
}

struct lexicon *lexicon_free(struct lexicon *l)
{
	free(l);
	return NULL;
}

void matcher_each(struct matcher *m, const struct lexicon *l, uint32_t most,
	void (*may)(uint32_t token, void *data), void *data)
{
	uint32_t known = 0; /* bytes of the entry before that have ways, in steps */

	m->budget = BUDGET;
	m->steps[0] = m->now;
	for (uint32_t i = 0; i < l->n && m->budget > 0; i++) {
		const struct entry *e = &l->of[i];

		if (e->same < known)
			known = e->same;
		/* It begins with what led nowhere: known is where that was. */
		if (i > 0 && e->same > known)
			continue;
		for (; known < e->n; known++) {
			m->steps[known + 1] =
				advance(m, &m->steps[known], (uint8_t)e->bytes[known]);
			if (m->steps[known + 1].n == 0 && !m->steps[known + 1].ends)
				break;
		}
		if (known == e->n && leads_on(&m->steps[known], most))
			may(e->token, data);
	}
}
