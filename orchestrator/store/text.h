/* The SQL files, embedded by the compiler, and how to walk their sections. */
#pragma once

#include <stddef.h>

extern const char store_statements_sql[]; /* NUL-terminated */
extern const char store_schema_sql[];
extern const char store_data_statements_sql[];
extern const char store_data_schema_sql[];

/*
 * Finds the next section that a line "-- MARK: LABEL" opens, at or after *at. Fills label and the
 * section's extent and moves *at behind it. 1, or 0 at the end. A label over 63 bytes is cut.
 */
int sql_section_next(const char *sql, const char *mark, size_t *at, char label[64],
	const char **ret_text, size_t *ret_len);
