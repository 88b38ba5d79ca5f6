/* The link to inference: what models there are. The last list is kept while the link is down. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/loop.h"

struct models_peer;

int models_peer_new(struct loop *loop, const char *run_dir, struct models_peer **ret);
struct models_peer *models_peer_free(struct models_peer *m);
DEFINE_CLEANUP(struct models_peer *, models_peer_free)

bool models_peer_is_connected(const struct models_peer *m);

/* As in models.LIST; NULL: none has come yet. Borrowed until the next round of the loop. */
const json_t *models_peer_list(const struct models_peer *m);
