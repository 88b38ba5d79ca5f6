/* How much the parts of a data folder and the services' processes take. */
#pragma once

#include <jansson.h>
#include <stdint.h>

/*
 * Bytes on the disk of the data folder's parts that this user may read: an object by part, the
 * caller's. It stops looking after a second, so it may be less than there is.
 */
json_t *sizes_of(const char *data);

/* Resident memory of a process in bytes; 0: not known. */
uint64_t process_memory(int pid);

/* "1.2 GiB", "340 KiB" */
const char *size_text(uint64_t bytes, char ret[32]);
