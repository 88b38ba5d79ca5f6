/*
 * Passwords that travel with an event: kept out of the log, in one file per event that lives
 * until the event is finished. secret/SESSION-N holds the VALUE frames.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Opens (and creates) the folder; returns its fd. */
int secret_open(const char *dir, struct err *e);

int secret_write(int dir_fd, uint32_t session, uint32_t n, const uint8_t *frames, size_t length);
int secret_read(int dir_fd, uint32_t session, uint32_t n, struct buf *b); /* -ENOENT: none */
void secret_remove(int dir_fd, uint32_t session, uint32_t n);

/* Calls keep for every file; where it says 0 the file is removed. */
void secret_sweep(int dir_fd, int (*keep)(uint32_t session, uint32_t n, void *data), void *data);
