/*
 * The Model Context Protocol's messages, 2025-06-18 (modelcontextprotocol.io/specification): what
 * an agent's client sends, taken apart, and what a Space answers. Each function of the Space is a
 * tool, its agents.md a resource. JSON in, JSON out: knows no HTTP and no call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "gateway/adapters/about.h"
#include "gateway/call/slice.h"

#define MCP_VERSION "2025-06-18"
#define MCP_ID_MAX 128 /* bytes of a request's id, quotes included */

/* JSON-RPC 2.0, 5.1 */
enum mcp_code {
	MCP_PARSE_ERROR = -32700,
	MCP_INVALID_REQUEST = -32600,
	MCP_METHOD_NOT_FOUND = -32601,
	MCP_INVALID_PARAMS = -32602,
	MCP_INTERNAL_ERROR = -32603,
	MCP_RESOURCE_NOT_FOUND = -32002,
};

enum mcp_kind { MCP_REQUEST, MCP_NOTIFICATION, MCP_RESPONSE };

struct mcp_message {
	enum mcp_kind kind;
	char method[64];     /* "" of a response */
	struct slice id;     /* a string or number as it came; borrowed, as is params */
	struct slice params; /* an object; none: at is NULL */
};

/*
 * Takes one message apart. -EBADMSG: not JSON. -EINVAL: no JSON-RPC message, or a batch, which this
 * version does not have; ret->id is the id where there is one. With words.
 */
int mcp_read(const uint8_t *text, size_t n, struct mcp_message *ret, struct err *e);

/* This server speaks the version that is named in a header. */
bool mcp_speaks(const char *version);

/* --- what is answered; each appends one whole message. -ENOSPC, -ENOMEM --- */

/* id: none for an error that belongs to no request. */
int mcp_error(struct buf *b, struct slice id, enum mcp_code code, const char *words);
/* result: an object as text. */
int mcp_result(struct buf *b, struct slice id, const char *result);
int mcp_initialize(struct buf *b, const struct mcp_message *m, const struct about *about);
int mcp_tools(struct buf *b, struct slice id, const struct about *about);
int mcp_resources(struct buf *b, struct slice id, const struct about *about);
/* The page, or an error: there is no resource but that. */
int mcp_read_resource(struct buf *b, const struct mcp_message *m, const struct about *about);

/* --- a tool's call --- */

struct mcp_call {
	char tool[65];
	struct slice arguments; /* an object; "{}" where none was given */
	struct slice token;     /* that asks for progress; none: at is NULL */
};

/* -EINVAL with words. */
int mcp_read_call(const struct mcp_message *m, struct mcp_call *ret, struct err *e);

/* progress must grow from one to the next; total 0: not known. message: NULL: none. */
int mcp_progress(struct buf *b, struct slice token, double progress, double total,
	const char *message, size_t message_length);
/* level: info | success | warning | error, as apps say it. */
int mcp_log(struct buf *b, const char *level, struct slice data);

/* Bytes of a file for the one who asks. False: it is not there, or too large to be shown. */
typedef bool (*mcp_file_fn)(const char *id, char ret_type[64], struct buf *ret_bytes, void *data);

/* What a tool gave, by name (see named.h). Pictures and sounds are shown, other files linked. */
struct mcp_given {
	const json_t *function;
	struct slice named; /* an object */
	mcp_file_fn file;
	void *data;
};
int mcp_call_result(struct buf *b, struct slice id, const struct mcp_given *given);
/* The tool failed: words for the model to read. */
int mcp_call_failed(struct buf *b, struct slice id, const char *words);
