/* CRC-32C (Castagnoli polynomial 0x1EDC6F41, RFC 3720 appendix B.4). crc: 0 to start, or the
 * result so far. Knows no file; digest.h's OpenSSL stays out of small programs that only need this.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);
