/* What the rooms of the orchestrator share: pointers, made and ended by main.c. */
#pragma once

#include <stdint.h>

#include "base/loop.h"
#include "orchestrator/blob/blob.h"
#include "orchestrator/hub/signed.h"
#include "orchestrator/logs/events.h"
#include "orchestrator/logs/run_log.h"
#include "orchestrator/peers/agent.h"
#include "orchestrator/peers/edge.h"
#include "orchestrator/peers/models.h"
#include "orchestrator/people/password.h"
#include "orchestrator/people/people.h"
#include "orchestrator/repo/repo.h"
#include "orchestrator/store/store.h"
#include "proto/box_class.h"

struct collector;
struct data;
struct disk;
struct history;
struct readers;
struct moves;
struct offload;
struct reconciler;
struct rounds;
struct runs;
struct sampler;
struct served;
struct seal_key;
struct tidier;

/* What the operator says about large files, and the key that their addresses are signed with. */
struct large_files {
	struct signed_key key;
	uint64_t storage_max; /* bytes per owner; 0: no limit */
	uint64_t part_bytes;  /* of an upload in parts */
};

struct world {
	struct loop *loop;
	struct store *store;
	struct blob_store *blobs;
	struct repos repos;
	uint64_t repo_bytes_max; /* of one repo's objects; 0: no limit */
	struct large_files lfs;
	struct offload *offload;
	struct collector *collector;
	struct people *people;
	struct passwords *passwords;
	enum sign_up sign_up;
	struct seal_key *seal;     /* of secrets */
	struct journals *run_logs; /* by Space id */
	struct events *events;
	struct agent_peer *agent;
	struct edge_peer *edge;
	struct data *data; /* of apps */
	struct accounts_peer *accounts;
	struct models_peer *models;
	struct moves *moves;
	struct served *served; /* NULL: models of repos are not */
	struct disk *disk;
	struct history *history;
	struct sampler *sampler;
	struct reconciler *reconciler;
	struct runs *runs;
	struct tidier *tidier;
	struct rounds *rounds;
	struct readers *readers;
	const char *hooks_dir; /* for git's core.hooksPath */
	struct box_classes classes;
	const char *url;           /* of the platform, without a slash at its end */
	const char *certificates;  /* file about those of an authority; NULL: none */
	bool custom_domains;       /* owners may bring hosts, and prove them */
	const char *spaces_domain; /* Spaces' own hosts are below it; "": they have none */
	uint64_t started_usec;     /* wall clock */
};
