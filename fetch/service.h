/*
 * Links with gateways, and the requests that came over them. When a link ends, so do its requests.
 */
#pragma once

#include "base/cleanup.h"
#include "base/loop.h"
#include "fetch/request.h"

struct service;

/* world: borrowed. -ENOMEM. */
int service_new(struct loop *loop, struct request_world *world, struct service **ret);
struct service *service_free(struct service *s);
DEFINE_CLEANUP(struct service *, service_free)

/* A gateway has connected; fd is owned from now on. */
void service_add(struct service *s, int fd);
