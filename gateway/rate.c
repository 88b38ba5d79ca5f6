#include "gateway/rate.h"

bool rate_take(struct rate *r, double per_sec, double burst, uint64_t now_usec)
{
	if (!r->since_usec)
		r->left = burst;
	else
		r->left += (double)(now_usec - r->since_usec) / 1e6 * per_sec;
	r->since_usec = now_usec;
	if (r->left > burst)
		r->left = burst;
	if (r->left < 1)
		return false;
	r->left -= 1;
	return true;
}
