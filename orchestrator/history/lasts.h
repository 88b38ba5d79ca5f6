/* How long the disk lasts at the pace of the last day, in words for people. */
#pragma once

#include <stdint.h>

#include "orchestrator/history/history.h"

#define LASTS_WORDS_MAX 80

/*
 * Bytes per second that what is free has changed by over the last day, by least squares; NAN while
 * too little was measured to say.
 */
double history_disk_pace(const struct history *h, uint64_t now_usec);

/* A sentence. reserve_bytes: at so many the disk is full. pace: as above. */
void history_lasts_words(
	uint64_t free_bytes, uint64_t reserve_bytes, double pace, char words[LASTS_WORDS_MAX]);
