/* Tables of the Unicode Character Database; unicode.h is their reader. All sorted. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct unicode_range {
	uint32_t first, last;
};

struct unicode_class_range {
	uint32_t first, last;
	uint8_t combining; /* canonical combining class, not 0 */
};

struct unicode_lower_row {
	uint32_t from, to[2]; /* to[1] is 0 where there is one */
};

struct unicode_decomposition_row {
	uint32_t from, to[4]; /* full canonical decomposition, filled up with 0 */
};

struct unicode_composition_row {
	uint32_t first, second, to;
};

extern const struct unicode_range unicode_punctuation[], unicode_nonspacing[], unicode_other[],
	unicode_digit[];
extern const size_t unicode_punctuation_n, unicode_nonspacing_n, unicode_other_n, unicode_digit_n;
extern const struct unicode_class_range unicode_class[];
extern const size_t unicode_class_n;
extern const struct unicode_lower_row unicode_lower[];
extern const size_t unicode_lower_n;
extern const struct unicode_decomposition_row unicode_decomposition[];
extern const size_t unicode_decomposition_n;
extern const struct unicode_composition_row unicode_composition[];
extern const size_t unicode_composition_n;
