/* SHA-256 for addresses of content (OpenSSL), CRC-32C for torn log records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SHA256_LEN 32
#define SHA256_HEX (2 * SHA256_LEN)

void sha256(const void *bytes, size_t n, uint8_t ret[SHA256_LEN]);

/* Lower-case hexadecimal and a NUL. */
void sha256_hex(const void *bytes, size_t n, char ret[SHA256_HEX + 1]);

/* Of everything from fd's current position to its end. -EIO and the like. */
int sha256_fd_hex(int fd, char ret[SHA256_HEX + 1], struct err *e);

void hex_write(const uint8_t *bytes, size_t n, char *ret); /* 2 n characters and a NUL */
/* Reads n bytes from 2 n lower-case digits; what follows is not looked at. False: they are not. */
bool hex_read(const char *text, size_t n, uint8_t *ret);
