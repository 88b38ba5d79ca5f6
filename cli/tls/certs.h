/*
 * The folder that vitrine-tls reads, DATA/tls/certs: a NAME.pem for each certificate with its
 * issuers and its key, which belongs to that program's user and is replaced as a whole. What it
 * would refuse is refused here, too, with words.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cli/host/layout.h"

#define CERTS_NAME_MAX 64

/* Letters, digits, "-", "_" and "." inside. -EINVAL with words. */
int certs_check_name(const char *name, struct err *e);

/*
 * Puts a certificate there, from one PEM text or from two files that may be one. ret_host: the
 * first host that it names, at most 253 bytes; may be NULL. -EBADMSG: it is not to be served, with
 * words; nothing has changed. Other errnos with the path.
 */
int certs_put(const struct layout *l, const char *name, const void *pem, size_t n, char *ret_host,
	struct err *e);
int certs_put_files(const struct layout *l, const char *name, const char *cert_path,
	const char *key_path, char *ret_host, struct err *e);

/* -ENOENT with words: there is none of that name. */
int certs_remove(const struct layout *l, const char *name, struct err *e);

/* Removes those whose names begin so. None is fine, and so is no folder. */
int certs_clear(const struct layout *l, const char *prefix, struct err *e);

/* Whether there is one at all. */
bool certs_any(const struct layout *l);

/* The folder's path. */
void certs_dir(const struct layout *l, char ret[LAYOUT_PATH + 32]);
