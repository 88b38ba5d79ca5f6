/* A value as a foldable tree, as ui/src/widgets/json.tsx draws it; folds open without a script too.
 */
#pragma once

#include <jansson.h>

#include "gateway/paint/out.h"

/* open: levels unfolded. At most JSON_TREE_MAX values are painted. */
#define JSON_TREE_MAX 500
void json_tree_paint(struct out *o, const json_t *value, int open);
