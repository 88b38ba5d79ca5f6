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

static unsigned int seconds(double wanted, double per_sec)
{
	double sec = wanted > 0 ? wanted / per_sec : 0;

	return sec > (unsigned int)sec ? (unsigned int)sec + 1 : (unsigned int)sec;
}

unsigned int rate_wait_sec(const struct rate *r, double per_sec)
{
	unsigned int sec = seconds(1 - r->left, per_sec);

	return sec ? sec : 1;
}

unsigned int rate_full_sec(const struct rate *r, double per_sec, double burst)
{
	return seconds(burst - r->left, per_sec);
}
