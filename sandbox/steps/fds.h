/* The files of a box: five for the worker, two more until exec. Kernel: close_range(2). */
#pragma once

#define BOX_EXEC_FD 5 /* the worker program; policy.c names this number */
#define BOX_SYNC_FD 6 /* to boxd */

struct box_fds {
	int null;  /* 0 */
	int log;   /* 1 and 2; made blocking */
	int app;   /* 3 */
	int infer; /* 4 */
	int exec;  /* BOX_EXEC_FD, closed by exec */
	int sync;  /* BOX_SYNC_FD, closed by exec */
};

/* Puts each file at its number and closes every other one. -1 reads as null. -errno of dup3. */
int fds_place(const struct box_fds *fds);
