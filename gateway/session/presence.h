/*
 * Telling a session's worker whether the visitor's page is there: pages that declare so (timers,
 * unload, on_leave) need it. Said when it changes and to each new opening; a page that is lost for
 * leave_sec has left.
 */
#pragma once

#include "gateway/session/sessions_private.h"

/* Says what is new, if anything is and the session stands on a worker. */
void presence_tell(struct sessions *t, struct session *s);
