/* Pools of 70 and 30 % over the scheduler, on a clock of its own: encoder texts in steps of about
 * 10 ms, of four payers in one and eight in the other, who all want more than there is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pools_outcome {
	double both;         /* the first one's part of the time while both have work */
	double lent;         /* the second one's while the first one rests */
	double after;        /* as both, in the second that follows that */
	uint64_t back_steps; /* most steps from the first one's coming back to its first row */
	double jain[2];      /* of the payers of each */
	double busy;         /* of the time, how much was used */
};

/* For sec seconds; the first one rests from every fifth to every tenth. lend: the first one does;
 * borrow: the second one does. Aborts where there is no memory. */
void pools_run(double sec, bool lend, bool borrow, struct pools_outcome *ret);
