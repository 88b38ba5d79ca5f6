/*
 * Markdown for who has no script yet: headings, paragraphs, lists, quotes, code and emphasis, laid
 * out as the page's own renderer lays them out. What it does not know stays as it is written. Links
 * are text until the script is there, so no address has to be judged twice.
 */
#pragma once

#include "gateway/paint/out.h"

void prose_paint(struct out *o, const char *markdown);
