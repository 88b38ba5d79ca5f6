/*
 * The web UI's files in --ui: page templates, hashed assets with .br and .gz beside them, and a
 * few files like favicon.svg. Templates are read again when they change on disk.
 */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/route.h"

struct site;

/* A missing folder or template is no error here: pages then say so. */
int site_new(const char *dir, struct site **ret, struct err *e);
struct site *site_free(struct site *s);
DEFINE_CLEANUP(struct site *, site_free)

/* name: "space.html" or "platform.html". NULL: not there. Borrowed until the next call. */
const struct buf *site_template(struct site *s, const char *name);

/* What stands in a template's holes; NULL: nothing. */
struct site_holes {
	const char *title;       /* text; <!--vitrine:title--> */
	const struct buf *paint; /* HTML; <!--vitrine:paint--> */
	const struct buf *data; /* JSON, in a script element that holds data; <!--vitrine:data--> */
};

/* Fills in a template. -ENOSPC, -ENOMEM. */
int site_fill(const struct buf *template, const struct site_holes *holes, struct buf *ret);

/* The folder, for opening files below it. */
int site_dir_fd(const struct site *s);

/* Media type by the name's ending. */
const char *site_type(const char *name);
