/*
 * The OpenAPI 3.1 document of a Space: each of its functions as a path of its REST interface (see
 * rest.h), uploads and files beside them. Pure.
 */
#pragma once

#include <jansson.h>

#include "gateway/adapters/about.h"

/* NULL: out of memory. */
json_t *openapi_document(const struct about *about);
