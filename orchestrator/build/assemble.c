#include "orchestrator/build/assemble.h"

#include "proto/bundle.h"
#include "proto/constants.h"

int assemble_bundle(struct tree *t, struct buf *b, char ret_hash[SHA256_HEX + 1], struct err *e)
{
	int r;

	buf_init(b, BUNDLE_MAX);
	r = bundle_begin(b, (uint32_t)tree_count(t), e);
	for (size_t i = 0; r == 0 && i < tree_count(t); i++) {
		const struct tree_file f = tree_file(t, i);
		const void *bytes;

		r = tree_read(t, i, &bytes, e);
		if (r == 0)
			r = bundle_add(b, f.path, bytes, f.size, e);
	}
	if (r == 0)
		sha256_hex(b->data, b->len, ret_hash);
	return r;
}
