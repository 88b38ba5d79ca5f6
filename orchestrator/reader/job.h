/*
 * What goes between the orchestrator and vitrine-reader: one packet per job with these files.
 *
 *	JOB   a JSON object {op, repo, …}: jobs.c says what each op takes
 *	HEAD  a pipe: one JSON object of at most HEAD_MAX bytes at the end of the job; nothing when
 *	      the job's process has died of it
 *	BODY  an empty file for the answer
 *	INPUT a file to read, for the ops that take one
 */
#pragma once

#define JOB_MAX (2u << 20) /* bytes */
#define HEAD_MAX 49152     /* less than a pipe holds, so that writing it never waits: pipe(7) */
#define JOBS_MAX 32        /* at once */
#define JOB_SEC 20         /* then the job's process is killed */

enum job_file { JOB_FILE, HEAD_FILE, BODY_FILE, INPUT_FILE, JOB_FILES };

/* Bytes of a file in git that can be served: it has to fit into the process's memory. */
#define CONTENT_MAX (256u << 20)
