/*
 * What is seen of a box, as lines "name outcome": each attack's, the box's own view, and what root
 * sees of it in /proc. Two pictures differ in what the difference of their boxes is good for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/peer/crowd.h"

#define PICTURE_LINES_MAX 512

/*
 * What the probe looks for outside of its box (sandbox/probe): a test that wants to see it found
 * makes it. An abstract socket, of sprintf %d mark, and a key of shared memory. Each process has
 * its own mark, so that two runs of a test do not meet.
 */
#define PICTURE_HOST_SOCKET "vitrine-probe-%d"
#define PICTURE_HOST_KEY(mark) (0x76000000 + (mark))
int picture_mark(void);

struct line {
	const char *name; /* borrowed, static */
	char outcome[OUTCOME_MAX];
};

struct picture {
	struct line lines[PICTURE_LINES_MAX];
	size_t n;
};

/*
 * Starts a boxd by uid that leaves these layers out (names of layers.def with commas), looks at its
 * boxes, stops it. only_survivors: without the attacks that the filters answer with death. Where
 * there can be no box, the picture is the one line "box refused".
 */
void picture_take(struct picture *ret, uid_t uid, const char *without, bool only_survivors);

/* The outcome of that line; NULL: there is no such line. */
const char *picture_find(const struct picture *p, const char *name);

/* Whether it is the outcome of a line of attacks.def. */
bool picture_is_attack(const struct line *line);

/* Whether pictures have the lines "host.…": /proc shows them to root only. */
bool picture_has_host_lines(void);
