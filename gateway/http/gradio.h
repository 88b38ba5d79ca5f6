/*
 * What the handlers of Gradio's protocol share. Only for the files of gateway/http/.
 */
#pragma once

#include "gateway/adapters/gradio/info.h"
#include "gateway/adapters/gradio/session.h"
#include "gateway/http/request.h"
#include "gateway/space.h"

#define GRADIO_BODY_MAX (CALL_ARGS_MAX + 65536)

enum admission { ADMITTED, WAITING, REFUSED };

/*
 * Who asks, and may they use this Space? WAITING: suspended, finish is called again. REFUSED: a
 * refusal is decided.
 */
enum admission gradio_admit(struct request *r, struct space **ret);

/* The Space's functions; NULL: a refusal is decided. *ret_page: page_unref. */
const struct function_table *gradio_functions(
	struct request *r, struct space *s, struct page **ret_page);

/* What follows text in the path, after the prefix if it has one; n bytes. NULL: it does not. */
const char *gradio_path_after(const struct request *r, const char *text, size_t *ret_n);

/* The URL that whoever asks has of this Space; a proxy says what its own is. */
void gradio_root(const struct request *r, char *ret, size_t size);

enum MHD_Result gradio_answer_refusal(struct request *r);
/* Takes over o. */
enum MHD_Result gradio_answer_json(struct request *r, unsigned status, json_t *o);

extern const struct handler gradio_join_handler; /* gradio_calls.c */
extern const struct handler gradio_call_handler;
extern const struct handler gradio_run_handler;
extern const struct handler gradio_cancel_handler;
extern const struct handler gradio_reset_handler;
extern const struct handler gradio_data_handler; /* gradio_streams.c */
extern const struct handler gradio_result_handler;
extern const struct handler gradio_heartbeat_handler;
extern const struct handler gradio_upload_handler; /* gradio_files.c */
extern const struct handler gradio_file_handler;
extern const struct handler gradio_login_handler; /* gradio_login.c */

/* A body of JSON, as it arrives. */
struct gradio_body {
	struct buf text;
	size_t reserved; /* of what all bodies together may have */
};

void gradio_body_begin(struct request *r, struct gradio_body *body);
void gradio_body_feed(struct request *r, struct gradio_body *body, const char *bytes, size_t n);
/* The object it is. False: it is none, and a refusal is decided. */
bool gradio_body_object(struct request *r, const struct gradio_body *body, struct slice *ret);
void gradio_body_done(struct request *r, struct gradio_body *body);

/* Calls gone once when whoever asks has hung up: a suspended request does not hear of it. */
struct gradio_hangup {
	struct source *source; /* owned */
	void (*gone)(void *data);
	void *data;
};

void gradio_hangup_begin(struct request *r, struct gradio_hangup *h);
void gradio_hangup_end(struct gradio_hangup *h);
