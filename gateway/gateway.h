/*
 * What the rooms of the gateway share: one of each, made in main.c in this order and freed in the
 * reverse one.
 */
#pragma once

#include "base/loop.h"
#include "gateway/classes.h"
#include "gateway/hosts.h"
#include "gateway/visitor.h"
#include "gateway/watch.h"
#include "proto/space_limits.h"

struct callers;
struct costs;
struct edge;
struct fetch_link;
struct files;
struct gradio;
struct grants;
struct host;
struct http;
struct limits;
struct models;
struct passes;
struct pictures;
struct proofs;
struct partials;
struct route_table;
struct sessions;
struct spaces;
struct streams;
struct wake;
struct ws;

struct gateway {
	struct loop *loop;
	char boot[17]; /* of the machine; "": not known. After another one, pages may know more than
			  the log. */
	struct visitor_key key;
	struct watch_limits watch;
	size_t session_bytes;     /* of memory, for the sessions of a Space */
	uint64_t upload_bytes;    /* of one file of a visitor */
	unsigned int https_port;  /* whoever comes by http is sent there; 0: nobody is */
	const char *challenges;   /* borrowed; folder of answers for authorities, or NULL */
	bool open_models;         /* programs may call models without a token */
	char upload_refusal[201]; /* why the orchestrator has us refuse uploads; "": it has not */
	struct classes classes;   /* of networks */
	struct hosts hosts;       /* of Spaces */
	struct passes *passes;
	struct proofs *proofs;
	struct space_limits space_limits;
	struct limits *limits;
	struct files *files;
	struct partials *partials;
	struct route_table *routes;
	struct sessions *sessions;
	struct spaces *spaces;
	struct edge *edge;
	struct wake *wake;
	struct models *models;
	struct pictures *pictures;
	struct grants *grants;
	struct host *host;
	struct costs *costs; /* NULL: without grants, as in tests/sim */
	struct fetch_link *fetch;
	struct callers *callers;
	struct gradio *gradio;
	struct streams *streams;
	struct ws *ws;
	struct http *http;
};

#define SESSION_KEEP_SEC (7 * 86400) /* without a visitor */
#define SESSION_PROGRAM_SEC 3600     /* the same of a program that does not call any more */
#define SESSION_UNTOUCHED_SEC 3600   /* the same when nothing ever happened in it */
