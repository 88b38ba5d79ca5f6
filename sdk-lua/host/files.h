/*
 * Visitors' uploads: names and sizes of all that a session may name, and the content of the newest
 * FILES_OPEN_MAX of the worker, as read-only files the gateway sent.
 */
#pragma once

#include "sdk-lua/host/inside.h"

#define UPLOADS_SESSION_MAX 256

/* app.FILE. Files that cannot be kept are closed; a malformed message ends the link. */
int upload_on_file(
	struct worker *w, const struct frame *f, struct link_files *files, struct err *e);

/* The bytes of a FILE that was taken and came without an fd. -EINVAL: none; -ENOMEM. */
int upload_hold(struct session *s, const struct frame *f, const void *bytes, size_t n);

/* OPEN.files: what the state may name. NULL is fine. -EINVAL with words. */
int uploads_learn(struct session *s, json_t *files, struct err *e);

/* NULL: the session has no such file. Borrowed until the next message. */
const struct upload *upload_find(const struct session *s, const char *id);

void uploads_free(struct session *s);
