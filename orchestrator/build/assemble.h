/* From a commit's files to a bundle's bytes. The same tree always gives the same bytes. */
#pragma once

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "orchestrator/repo/tree.h"

/* b is set up here; the caller ends it with buf_done, also on failure. */
int assemble_bundle(struct tree *t, struct buf *b, char ret_hash[SHA256_HEX + 1], struct err *e);
