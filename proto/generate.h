/* What the two halves of the generator share: the table of components, and the outputs about apps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A line of components.def. */
struct part {
	bool component, common;
	const char *component_name, *name, *kind, *fallback, *events, *doc;
};

extern const struct part parts[];
extern const size_t parts_count;

void lua_annotations(void); /* LuaCATS types of vitrine.ui */
void components_md(void);   /* docs/COMPONENTS.md */
