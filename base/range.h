/* A Range header (RFC 9110, 14) against a file's size. Knows no file and no socket. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t first, length; /* what to send; all of it when not partial */
	bool partial;
};

/*
 * One range of bytes. Several at once, other units and malformed ones are answered with the whole
 * file, as 14.2 allows. text may be NULL. -ERANGE: outside the file.
 */
int range_parse(const char *text, uint64_t size, struct range *ret);
