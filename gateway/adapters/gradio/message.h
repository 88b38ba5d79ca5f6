/*
 * What is said of a call, in the two forms that Gradio's clients read:
 *
 *	queue/data    data: {"msg": …, "event_id": …}          several calls on one stream
 *	call/NAME/ID  event: generating|complete|error, data: …  one call, whole values
 *
 * Exactly "data: " and one line, LF only: the Python client gives up at anything else. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "gateway/call/slice.h"

#define GRADIO_CLOSE "data: {\"event_id\":null,\"msg\":\"close_stream\"}\n\n"
#define GRADIO_BEAT "data: {\"event_id\":null,\"msg\":\"heartbeat\"}\n\n"
#define GRADIO_CALL_BEAT "event: heartbeat\ndata: null\n\n"
#define GRADIO_ALIVE "data: ALIVE\n\n"
#define GRADIO_NO_SESSION                                                                          \
	"data: {\"event_id\":null,\"msg\":\"unexpected_error\",\"message\":\"Session not "         \
	"found.\","                                                                                \
	"\"session_not_found\":true,\"success\":false}\n\n" GRADIO_CLOSE

/* event_id: letters and digits. All: -ENOSPC, -ENOMEM. */
int gradio_estimation(
	struct buf *b, const char *event_id, size_t rank, size_t of, int64_t expected_ms);
int gradio_starts(struct buf *b, const char *event_id);
int gradio_progress(struct buf *b, const char *event_id, struct slice progress);
int gradio_log(struct buf *b, const char *event_id, struct slice log);
/* data: the array, of values or of edits. */
int gradio_generating(struct buf *b, const char *event_id, struct slice data, double seconds);
int gradio_completed(struct buf *b, const char *event_id, struct slice data, double seconds);
int gradio_failed(struct buf *b, const char *event_id, const char *message, const char *title);

/* event: "generating" or "complete". */
int gradio_call_event(struct buf *b, const char *event, struct slice data);
int gradio_call_failed(struct buf *b, const char *message, const char *title);

/* The body of run/NAME. */
int gradio_run_done(struct buf *b, struct slice data, double seconds);
