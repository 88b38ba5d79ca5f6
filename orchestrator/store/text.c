#include "orchestrator/store/text.h"

#include <stdio.h>
#include <string.h>

/* STORE_DIR comes from the build; the assembler copies the file as it is. */
#define EMBED(symbol, file)                                                                        \
	__asm__(".section .rodata\n"                                                               \
		".global " #symbol "\n"                                                            \
		".type " #symbol ", @object\n" #symbol ":\n"                                       \
		".incbin \"" STORE_DIR "/" file "\"\n"                                             \
		".byte 0\n"                                                                        \
		".size " #symbol ", . - " #symbol "\n"                                             \
		".previous\n")

EMBED(store_statements_sql, "statements.sql");
EMBED(store_schema_sql, "schema.sql");
EMBED(store_data_statements_sql, "data_statements.sql");
EMBED(store_data_schema_sql, "data_schema.sql");

static const char *find_mark(const char *text, const char *mark)
{
	size_t len = strlen(mark);

	while (text && *text) {
		if (!strncmp(text, mark, len))
			return text;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

int sql_section_next(const char *sql, const char *mark, size_t *at, char label[64],
	const char **ret_text, size_t *ret_len)
{
	char prefix[32];
	const char *start, *end;
	int n;

	(void)snprintf(prefix, sizeof(prefix), "-- %s: ", mark);
	start = find_mark(sql + *at, prefix);
	if (!start)
		return 0;
	start += strlen(prefix);
	n = (int)strcspn(start, "\n");
	(void)snprintf(label, 64, "%.*s", n, start);
	start += n;
	end = find_mark(start, prefix);
	*ret_text = start;
	*ret_len = end ? (size_t)(end - start) : strlen(start);
	*at = (size_t)(start + *ret_len - sql);
	return 1;
}
