/*
 * What a function of a Space takes and gives, as JSON Schema (draft 2020-12): read by OpenAPI, MCP,
 * Gradio's clients and people. A function and its ports are entries of HELLO.api. They come from an
 * app, so nothing about them is believed: a field of the wrong type is as good as missing.
 *
 * Pure: JSON in, JSON out. Knows no HTTP and no call.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#define PORT_NAME_MAX 64 /* bytes of a parameter's name; what MCP's clients take */

/* The function's name: 1 to 64 letters, digits or '_'. NULL: it has none that is. Borrowed. */
const char *schema_function_name(const json_t *function);

/*
 * The names by which programs pass inputs or read outputs, one for each port: letters, digits and
 * '_', not beginning with a digit, none twice, none that a client's language has taken. A new array
 * of strings. NULL: out of memory.
 */
json_t *schema_names(const json_t *ports);

/* The port's value is a file, or several. */
bool schema_is_file(const json_t *port);
bool schema_is_list(const json_t *port);

/* Programs must pass it. */
bool schema_is_required(const json_t *port);

/* One value. output: as a result, which is told loosely (it may be null), and not as an argument.
 */
json_t *schema_port(const json_t *port, bool output);

/* All inputs as the properties of an object; nothing else may be in it. */
json_t *schema_inputs(const json_t *function);

/* All outputs, likewise. */
json_t *schema_outputs(const json_t *function);
