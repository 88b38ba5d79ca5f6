/*
 * What happened to Spaces, typed by proto/events.def and kept in two journals: each Space's own,
 * and one of all Spaces. Knows no HTTP; where events come from is notes.c's.
 */
#pragma once

#include <jansson.h>

#include "orchestrator/logs/journal.h"

#define EVENTS_SPACE_MAX (512u << 10) /* bytes kept of one Space */
#define EVENTS_ALL_MAX (16u << 20)    /* bytes of the journal of all */
#define EVENTS_TOTAL_MAX (1ull << 30) /* bytes of all Spaces' own journals */
#define EVENTS_AGE_DAYS 14
#define EVENTS_ALL_NAME "all" /* in the journal of all */

enum event {
#define EVENT(NAME, type, doc) EVENT_##NAME,
#define EVENT_FIELD(NAME, kind, name, need, doc)
#define END_EVENT(NAME)
#include "proto/events.def"
	EVENTS_N
};

struct events;

/* dir: where both journals are. loop: as in journals_new. */
int events_new(struct loop *loop, const char *dir, struct events **ret, struct err *e);
struct events *events_free(struct events *ev);
DEFINE_CLEANUP(struct events *, events_free)

/*
 * Keeps the event and tells the followers. fields is taken: an object of the event's fields, where
 * NULL values are left out. space_id NULL: only the journal of all has it. What the table does not
 * allow, and what cannot be kept, is logged and dropped; -EINVAL and the errnos of journal_append.
 */
int events_tell(struct events *ev, enum event type, const char *space_id, const char *space_name,
	json_t *fields);

/* By Space id, and by EVENTS_ALL_NAME. Borrowed. */
struct journals *events_of_spaces(struct events *ev);
struct journals *events_of_all(struct events *ev);
