/* The head of a request from anywhere: taken apart whole, and never twice differently when it
 * arrives in pieces. */
#include <stdint.h>
#include <string.h>

#include "gateway/head.h"
#include "gateway/visitor.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct space_path path;
	struct head h, again;
	struct err e = {0};
	size_t n;
	int r = head_parse(text, size, &h, &e);

	MUST(r >= 0 || e.text[0]);
	if (r <= 0)
		return 0;
	MUST(h.length <= size && h.target.at >= text && h.target.n < size);
	MUST(head_parse(text, h.length, &again, &e) == 1 && again.length == h.length);
	MUST(head_parse(text, h.length - 1, &again, &e) == 0);
	if (space_path_parse(h.target.at, h.target.n, &path))
		MUST(strlen(path.owner) && strlen(path.name));
	if (h.cookie.at)
		(void)cookie_find(h.cookie.at, h.cookie.n, VISITOR_COOKIE, &n);
	if (h.origin.at)
		(void)origin_matches(&h.origin, &h.host);
	return 0;
}
