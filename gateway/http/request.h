/*
 * One HTTP request on its way through the gateway, and the answers all handlers share. Only for
 * the files of gateway/http/.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/edge.h"
#include "gateway/files.h"
#include "gateway/gateway.h"
#include "gateway/head.h"
#include "gateway/limits.h"
#include "gateway/pass.h"
#include "gateway/route.h"

struct offload_job;
struct http;
struct mcp_request;
struct request;
struct site;
struct upstreams;

#define SWALLOW_MAX (4u << 20) /* of a body nobody wants, so that the answer can be read */

/* What one kind of path does. All run in the request's thread of events, none may block. */
struct handler {
	const char *name;
	/* The head is there. May set request->refusal. */
	void (*begin)(struct request *r);
	/* Part of the body; returns how much was taken, less when it must wait (suspended). NULL:
	 * the body is swallowed. */
	size_t (*feed)(struct request *r, const char *bytes, size_t n);
	/* The body is complete: queue an answer, or suspend to be called again. */
	enum MHD_Result (*finish)(struct request *r);
	/* It is over, however it ended. */
	void (*done)(struct request *r);
};

struct request {
	struct request *next, **at; /* among the suspended */
	struct http *http;
	struct MHD_Connection *connection;
	char *target; /* owned; as sent, with its query; at a Space's own host as below /spaces */
	char *asked;  /* owned; as sent, where target is not; NULL: it is */
	char host[DOMAIN_NAME_MAX + 1]; /* a Space's own; "": the platform's */
	const char *method;
	const char *version; /* "HTTP/1.1" */
	const struct handler *handler;
	struct address *address; /* of whoever asks; behind a trusted proxy the one it names */
	bool counted;            /* address, by this request and not by its connection */
	bool tls;                /* by vitrine-tls */
	struct route *route;     /* borrowed for one call only: looked up again after waiting */
	struct space_path path;
	size_t swallowed;
	bool begun, suspended, gone;
	bool cors;   /* pages of other sites may read the answer: it is nobody's in particular */
	bool tus;    /* the answer says which version of tus it speaks */
	bool detail; /* errors are {"detail": words}, as Gradio's clients read them */
	bool openai; /* errors are as OpenAI's clients read them */
	void *state; /* the handler's */
	/* what is left of the quota that is nearest to its end (quota.c) */
	const char *quota; /* NULL: none was counted */
	unsigned int quota_burst, quota_window_sec, quota_left, quota_reset_sec, retry_sec;
	/* a refusal that has been decided and waits for the body's end */
	unsigned refusal;
	char refusal_words[512];
	/* who asks (identify.c) */
	struct identity who;
	struct identify *asking;
	bool asked_who;
	char visitor[ID_LEN + 1];
	char set_cookie[VISITOR_COOKIE_LEN + 1];
	char sign_in[SIGN_IN_MAX + 1]; /* out of a pass */
};

/* By the target; fills path where it is a Space's. Never NULL. */
const struct handler *request_choose(struct request *r);
/* The same among what there is at a Space's own host; its target is below /spaces already. */
const struct handler *request_choose_at_host(struct request *r);

/*
 * Looks whether Host is a Space's own, and says so in the request: from then on its target is that
 * Space's, whatever it named. NULL, or the handler that is known by that alone.
 */
const struct handler *request_find_host(struct request *r);

struct gateway *request_gateway(const struct request *r);
struct site *request_site(const struct request *r);
struct upstreams *request_upstreams(const struct request *r);
struct mcp_request **request_mcp_calls(const struct request *r); /* those that run */

void request_suspend(struct request *r);
void request_resume(struct request *r);

/* Header or query argument; NULL: missing. Borrowed. */
const char *request_header(const struct request *r, const char *name);
const char *request_argument(const struct request *r, const char *name);

/* Counts the request; one too many is refused with 429. */
void request_count(struct request *r);
void response_quota(const struct request *r, struct MHD_Response *response);

/* Whether it came by http and has to come by https. */
bool request_must_move(const struct request *r);

/* How the client sees us, also through a proxy of ours, which is believed. Host: NULL: not said. */
const char *request_scheme(const struct request *r);
const char *request_host(const struct request *r);

/* Where the Space is that path names: "" at its own host, or "/spaces/OWNER/NAME"; and all of it.
 */
void request_base(const struct request *r, char *ret, size_t size);
void request_url(const struct request *r, char *ret, size_t size);

/* Whether a person's browser that asks for a Space's page is sent to its own host (signed in, by
 * the door there), or from there to the platform, where its card is. Fills the address. */
#define ELSEWHERE_MAX 4096
bool request_leads_elsewhere(
	const struct request *r, const struct route *route, char ret[ELSEWHERE_MAX]);

/* The sign-in cookie that came along, or the one in the pass at a Space's own host; *ret_n bytes.
 * NULL: there is none. */
const char *request_sign_in(struct request *r, size_t *ret_n);

/* False: an Origin is named, and it is not the host that serves this page. */
bool request_is_same_origin(const struct request *r);

/*
 * When the connection that this request came on has ended, closed is called with a copy of note, 63
 * bytes at most; the last one asked for counts. data has to outlive the connection.
 */
void request_when_closed(struct request *r, void (*closed)(void *data, const char *note),
	void *data, const char *note);

/* Remembers a refusal for the end of the body. */
void request_refuse(struct request *r, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Fills who, asking the orchestrator if there is a cookie. False: suspended, call again. */
bool request_identify(struct request *r);
/*
 * The same for a program: by its token, or, without one, by the cookie of a page of our own.
 * *ret_token: there is one, so that an unknown one can be told. False: suspended, call again.
 */
bool request_identify_program(struct request *r, bool *ret_token);
bool request_has_token(const struct request *r); /* whether it is known or not */
bool request_owns(const struct request *r, const struct route *route);

/* The visitor's id from the cookie of that name; a new one is made and set with the answer. */
const char *request_visitor_cookie(const struct request *r);
void request_visitor(struct request *r);

/* One wait of a request for the disk. */
struct settling {
	struct request *request;
	struct offload_job *job; /* owned by the disk; NULL: nothing is under way */
	int outcome;             /* 0 or -errno, once it has been */
};

/*
 * Brings fds to the disk and closes them. False: suspended; the handler's finish is called again
 * when outcome says how it went.
 */
bool request_settle(struct request *r, struct settling *s, const int *fds, size_t n);
/*
 * While a long body arrives: brings what is there to the disk, so that less is left for the end.
 * Takes fd over; a negative one is nothing. Not while s is under way.
 */
#define SETTLE_AHEAD (64u << 20)
void request_settle_ahead(struct request *r, struct settling *s, int fd);

/* For the handler's done. */
void request_settle_end(struct settling *s);

/* --- answers; each queues and returns what libmicrohttpd wants --- */

/* Takes over response. Adds the headers that every answer carries. */
enum MHD_Result answer(struct request *r, unsigned status, struct MHD_Response *response);
enum MHD_Result answer_bytes(
	struct request *r, unsigned status, const char *type, const void *bytes, size_t n);
/* {"error": words} as JSON. */
enum MHD_Result answer_error(struct request *r, unsigned status, const char *words);
void response_header(struct MHD_Response *response, const char *name, const char *value);
/* The platform's page, whose script shows what the address means; and that it means nothing. */
enum MHD_Result answer_platform(struct request *r);
enum MHD_Result answer_missing(struct request *r);
/* That there is nothing at a Space's host; the same words whether it is private or not there. */
enum MHD_Result answer_absent(struct request *r);
/* location: an address, or a path of this host. */
enum MHD_Result answer_redirect(struct request *r, unsigned status, const char *location);
/* The same by what the orchestrator says of the repo that is named, to whoever asks: there, called
 * otherwise now, or not there. Suspends; the handler has repo_page_done. */
enum MHD_Result answer_repo_page(struct request *r);
void repo_page_done(struct request *r);
/* A file of the Space, or that there is none. */
enum MHD_Result answer_stored_file(struct request *r, const char *space, const char *id);
/* The headers of a text/event-stream that proxies pass on as it comes. */
void response_events(struct MHD_Response *response);

/* --- the handlers --- */
extern const struct handler page_handler;     /* the Space's page */
extern const struct handler embed_handler;    /* the same inside another site's page */
extern const struct handler platform_handler; /* platform pages, also as 404 */
extern const struct handler missing_handler;
extern const struct handler absent_handler; /* the same at a Space's host */
extern const struct handler former_handler; /* to the host that it has now */
extern const struct handler enter_handler;  /* from the platform to a Space's host, signed in */
extern const struct handler entry_handler;  /* the other end of it */
extern const struct handler leave_handler;
extern const struct handler proof_handler;     /* that a host leads here */
extern const struct handler site_handler;      /* a file of a static Space at its own host */
extern const struct handler repo_page_handler; /* platform pages of one repo */
extern const struct handler move_handler;      /* to https */
extern const struct handler challenge_handler; /* proof for an authority */
extern const struct handler asset_handler;
extern const struct handler rest_handler;    /* a function of a Space */
extern const struct handler openapi_handler; /* what they are */
extern const struct handler agents_handler;
extern const struct handler mcp_handler;
extern const struct handler health_handler;
extern const struct handler upload_handler;
extern const struct handler tus_handler; /* uploads that go on after a cut */
extern const struct handler file_handler;
extern const struct handler upgrade_handler;    /* a WebSocket path without an upgrade */
extern const struct handler stream_handler;     /* opens a stream */
extern const struct handler send_handler;       /* to it */
extern const struct handler events_handler;     /* from it */
extern const struct handler poll_handler;       /* from it, piece by piece */
extern const struct handler probe_head_handler; /* what /-/connection tries out */
extern const struct handler probe_wait_handler;
extern const struct handler probe_events_handler;
extern const struct handler probe_size_handler;
extern const struct handler probe_range_handler;
extern const struct handler gradio_handler;    /* chooses among those of Gradio's protocol */
extern const struct handler openai_handler;    /* OpenAI's API */
extern const struct handler pipelines_handler; /* a model by its path */
extern const struct handler upstream_handler;
