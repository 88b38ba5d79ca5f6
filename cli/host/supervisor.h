/*
 * The supervisor: starts the services with exactly the files they are to have, starts again what
 * dies, ends them all when asked. It reads no byte of a request or a tenant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"
#include "cli/host/layout.h"
#include "proto/box_class.h"
#include "proto/http_hosts.h"
#include "proto/space_limits.h"

struct supervisor;

#define FETCH_PRIVATE_MAX 32

/* Where apps may speak HTTP with, as the operator wrote it; borrowed. */
struct fetch_policy {
	const char *hosts[HTTP_HOSTS_MAX], *private[FETCH_PRIVATE_MAX];
	size_t n_hosts, n_private;
};

#define DEVICES_MAX 8 /* of which something is said */

struct supervisor_config {
	const struct layout *layout; /* borrowed, outlives the supervisor */
	int public_fds[4];           /* listening TCP sockets; owned from now on */
	size_t n_public;
	int tls_fds[4]; /* the same for vitrine-tls, which is started when there are any */
	size_t n_tls;
	unsigned int https_port; /* where whoever comes by http is sent; 0: nobody is */
	const char *url;         /* how visitors reach the platform */
	bool custom_domains;     /* owners may bring hosts for their Spaces */
	const char
		*spaces_domain; /* Spaces have hosts of their own below it; NULL: they have none */
	int token_fd;           /* write end for an administrator's token, -1: none; owned */
	struct box_classes classes;
	struct box_pool pool;
	bool dense;
	bool local_metrics; /* GET /metrics needs no token on this machine */
	bool open_models;   /* programs may call models without a token */
	const char *proxy;  /* borrowed; whose X-Forwarded-For is believed, or NULL */
	unsigned long upload_mib, files_mib; /* of a file, of a Space's files; 0: the default */
	struct space_limits limits;
	struct fetch_policy fetch;
	const char *disk_warn,
		*disk_reserve;      /* MiB, as the orchestrator takes them; NULL: by size */
	const char *log_limits;     /* as the orchestrator takes them; NULL: the default */
	const char *data_limits;    /* likewise */
	const char *model_memory;   /* MiB for all models; NULL: half of what there is */
	const char *const *devices; /* NAME=MIB each, DEVICES_MAX or up to a NULL */
	const char *quota;          /* as the orchestrator takes it; NULL: the default */
	const char *large_files;    /* likewise */
	const char *sign_up;        /* likewise */
	const char *repo_size;      /* likewise */
};

/* Starts everything. -errno with words when a program cannot be started at all. */
int supervisor_new(struct loop *loop, const struct supervisor_config *config,
	struct supervisor **ret, struct err *e);

/* Ends the services: SIGTERM, and SIGKILL after 5 s. done is called when all have ended. */
void supervisor_stop(struct supervisor *s, void (*done)(void *data), void *data);

struct supervisor *supervisor_free(struct supervisor *s);
DEFINE_CLEANUP(struct supervisor *, supervisor_free)
