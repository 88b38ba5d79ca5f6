/*
 * Lua's patterns (Lua 5.4 manual, 6.4.1) by a machine that can stop after any step and go on
 * later: a pattern that explodes ("a?a?a?…", ".-.-.-b") holds the processor no longer than its
 * caller lets it.
 *
 * What recursion would keep on the C stack lies in frames; there are as many of them as Lua allows
 * calls ("pattern too complex"). They are the process's, not the matcher's: after MATCH_PAUSED they
 * must be copied away, and back before it goes on. Errors are found at the same step and said in
 * the same words as by Lua's own library. Knows no Lua state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MATCH_CAPTURES_MAX 32
#define MATCH_SETS 4

enum match_result {
	MATCH_FOUND,  /* from start to s */
	MATCH_NONE,   /* nowhere */
	MATCH_PAUSED, /* steps ran out: fill them up and call again */
	MATCH_WRONG,  /* the pattern is malformed, words say how */
};

struct match_capture {
	const char *at;
	ptrdiff_t length;   /* or one of: */
#define MATCH_OPEN (-1)     /* "(" without its ")" yet */
#define MATCH_POSITION (-2) /* "()" */
};

/* A [set] as bits, made the first time it is met. */
struct match_set {
	const char *item;
	uint64_t bits[4];
};

struct matcher {
	/* Borrowed. Both are followed by a readable NUL, as Lua's strings are. */
	const char *text, *text_end, *pattern, *pattern_end;
	const char *start; /* the match begins here; set it before the first call */
	const char
		*not_end;  /* an empty match that ends here does not count; NULL: every one does */
	bool anchored;     /* only at start itself */
	bool begun;        /* an attempt at start is under way */
	int64_t steps;     /* until it pauses */
	const char *s, *p; /* where it stands; MATCH_FOUND: s is the end of the match */
	int n_captures;
	unsigned int n_frames, n_sets;
	struct match_capture captures[MATCH_CAPTURES_MAX];
	struct match_set sets[MATCH_SETS];
	char words[56];
};

/* Bytes of its frames while it pauses; copying them to and from. */
size_t matcher_frames_size(const struct matcher *m);
void matcher_frames_keep(const struct matcher *m, void *to);
void matcher_frames_fetch(const struct matcher *m, const void *from);

/* Sets up a search through the whole text. "^" is the caller's: it leaves it out and sets
 * anchored. Touches no frame. */
void matcher_init(
	struct matcher *m, const char *text, size_t n_text, const char *pattern, size_t n_pattern);

/* Goes on to the first match at or behind start. After MATCH_FOUND set start, and begun to false,
 * for the next one. */
enum match_result matcher_next(struct matcher *m);

/*
 * Capture i (0 is the first) of the match from s to e; i = 0 is the whole match where the pattern
 * has no captures. *ret_length may be MATCH_POSITION. -1: there is no such capture, or it was
 * never closed; words say which.
 */
int matcher_capture(struct matcher *m, int i, const char *s, const char *e, const char **ret_at,
	ptrdiff_t *ret_length);
