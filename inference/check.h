/* What `vitrine model` asks this program: what a folder holds, and what the model folders hold. */
#pragma once

#include <stdint.h>

#include "inference/engine/shelf.h"

/*
 * Reads a model's folder as the service would, weights included, and keeps nothing. Prints one
 * object {task, architecture, parameters, bytes, memory, note}, or to stderr why it would not be
 * loaded. Returns the exit status.
 */
int check_folder(const char *folder, uint64_t memory_max);

/* Prints the array of models.LIST, nothing loaded. Returns the exit status. */
int check_shelf(struct shelf *shelf);
