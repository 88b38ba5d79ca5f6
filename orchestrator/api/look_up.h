/* Asking vitrine-reader for the sake of a request: for hub_read.c, hub_file.c and hub_info.c. */
#pragma once

#include "orchestrator/api/request.h"
#include "orchestrator/repo/readers.h"

struct look_up {
	struct request *request;
	struct hub_repo repo;
	struct reading *reading; /* NULL once it is answered */
	void (*done)(struct look_up *u, struct reading_answer *a);
	bool or_done;
	json_t *later; /* owned; what done needs to go on, or NULL; its "body" is an fd to close */
};

struct look_up_plan {
	json_t *args; /* taken; "rest" is added where the route has one */
	bool heavy, content;
	int input;    /* a file, the caller's; -1: none */
	bool or_done; /* done is called also when it has failed: then there is no body */
	/* Answers the request from a->body and a->head, which tells of no error but with or_done.
	 */
	void (*done)(struct look_up *u, struct reading_answer *a);
};

/* Parks the request until the answer, or answers it with why not. */
void look_up(struct request *r, const struct hub_repo *repo, const struct look_up_plan *plan);

/* Another question for the same request, from done. */
void look_up_again(struct look_up *u, const struct look_up_plan *plan);

/* Most answers: the body is JSON. */
void look_up_done_json(struct look_up *u, struct reading_answer *a);

/*
 * The large file {oid, size} that a pointer of this repo stands for, a read-only fd. -ENOENT: this
 * repo does not have it, whoever else may: a pointer to a stranger's file opens nothing.
 */
int look_up_open_large(struct look_up *u, const json_t *lfs, struct err *e);

/* X-Repo-Commit, where the head has it. */
void look_up_add_commit(struct look_up *u, const struct reading_answer *a);
