/*
 * The cookie that a signed-in person has on the platform's own host: the orchestrator sets and
 * reads it, the gateway passes it on. Over https it is a "__Host-" one
 * (draft-ietf-httpbis-rfc6265bis, 4.1.3.2), which browsers take from that host alone: no page of a
 * Space at a host beside it can plant one and so sign a visitor in as somebody else.
 */
#pragma once

/* https: as the platform's address begins (--url). */
#define SIGN_IN_COOKIE(https) ((https) ? "__Host-vitrine_session" : "vitrine_session")
