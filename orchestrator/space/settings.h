/*
 * The settings of a Space that its app reads: variables, which people may read again, and secrets,
 * which are sealed (seal.h) and only the app gets to see. Rows and their limits; each change counts
 * up the Space's settings and epoch, so that agents and gateways can tell old from new.
 *
 * Every opening and every change of a secret leaves a row in secret_audit; no statement changes or
 * deletes one. Knows no HTTP and no link.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "orchestrator/space/seal.h"
#include "orchestrator/space/space.h"

#define SETTING_NAME_BYTES 128
#define SETTING_VALUE_BYTES (16u << 10)
#define SETTING_WORDS_BYTES 1024   /* of a description */
#define SETTINGS_BYTES (64u << 10) /* names and values of a Space, of each kind */
#define SETTINGS_COUNT 100         /* of each kind */

enum setting_kind { SETTING_VARIABLE, SETTING_SECRET };

struct setting {
	const char *name;
	const char *value; /* of a secret: NULL when it is listed */
	const char *words; /* description; "": none */
	int64_t updated_usec;
};

/* Letters, digits and _, no digit first, and none of those that the platform sets. -EINVAL. */
int setting_name_check(const char *name, struct err *e);

/*
 * Makes or replaces one. who: the user, for the audit. -EINVAL with words that begin with the field
 * ("key: …", "value: …", "description: …"); -EEXIST: a limit of the Space.
 */
int setting_set(struct store *s, const struct seal_key *k, struct space *space,
	enum setting_kind kind, const struct setting *new, const char *who, struct err *e);

/* -ENOENT: there is none. */
int setting_remove(struct store *s, struct space *space, enum setting_kind kind, const char *name,
	const char *who, struct err *e);

/* All of another Space's, for one that has none yet, in the caller's transaction. */
int settings_copy_variables(struct store *s, const char *from_id, const char *to_id, struct err *e);

/* In the order of their names. The setting is borrowed until fn returns. */
int settings_each(struct store *s, const struct space *space, enum setting_kind kind,
	void (*fn)(const struct setting *v, void *data), void *data, struct err *e);

/* Objects of texts by name, the caller's. */
int settings_variables(struct store *s, const struct space *space, json_t **ret, struct err *e);

/*
 * Opens all secrets. reader and why are put down before anything is opened. One that cannot be
 * opened is left out; *ret_lost counts those.
 */
int settings_open_secrets(struct store *s, const struct seal_key *k, const struct space *space,
	const char *reader, const char *why, json_t **ret, size_t *ret_lost, struct err *e);

/* Workers are to start anew though nothing else changes. */
int settings_touch(struct store *s, struct space *space, struct err *e);
