/* How many requests an address, a token and a Space may have, and what answers say of it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "gateway/http/request.h"
#include "gateway/rate.h"
#include "gateway/route.h"

#define WINDOW_SEC 10 /* so much of a second's quota may come at once */

/* These cost next to nothing, and whoever watches us is not to be turned away. */
static bool is_free(const struct request *r)
{
	return !strncmp(r->target, "/assets/", 8) || !strncmp(r->target, "/healthz", 8);
}

static bool count(struct request *r, const char *name, struct rate *rate, enum space_limit limit)
{
	double per_sec = (double)request_gateway(r)->space_limits.of[limit];
	double burst = per_sec * WINDOW_SEC;
	bool fine;

	if (!rate)
		return true;
	fine = rate_take(rate, per_sec, burst, clock_mono_usec());
	if (r->quota && rate->left / burst >= (double)r->quota_left / r->quota_burst && fine)
		return true;
	r->quota = name;
	r->quota_burst = (unsigned int)burst;
	r->quota_window_sec = WINDOW_SEC;
	r->quota_left = rate->left > 0 ? (unsigned int)rate->left : 0;
	r->quota_reset_sec = rate_full_sec(rate, per_sec, burst);
	r->retry_sec = fine ? 0 : rate_wait_sec(rate, per_sec);
	if (!fine)
		request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many requests of this %s: %u in %d s; try again in %u s", name,
			r->quota_burst, WINDOW_SEC, r->retry_sec);
	return fine;
}

static struct rate *of_token(struct request *r, uint64_t now)
{
	const char *header = request_header(r, "Authorization");
	char name[SHA256_HEX + 8] = "token:";

	if (!header)
		return NULL;
	/* By its hash: what lies in this table is nobody's key. */
	sha256_hex(header, strlen(header), name + strlen(name));
	return limits_named(request_gateway(r)->limits, name, now);
}

static struct rate *of_space(struct request *r, uint64_t now)
{
	struct space_path path;
	const struct route *route;
	char name[96];

	if (!space_path_parse(r->target, strlen(r->target), &path))
		return NULL;
	route = route_by_name(request_gateway(r)->routes, path.owner, path.name);
	/* A private one's would tell that it is there; those who know of it have their own. */
	if (!route || route->private)
		return NULL;
	(void)snprintf(name, sizeof(name), "space:%s", route->space);
	return limits_named(request_gateway(r)->limits, name, now);
}

void request_count(struct request *r)
{
	uint64_t now = clock_mono_usec();

	if (is_free(r) || !r->address)
		return;
	if (count(r, "address", address_requests(r->address), LIMIT_ADDRESS_REQUESTS) &&
		count(r, "token", of_token(r, now), LIMIT_TOKEN_REQUESTS))
		(void)count(r, "space", of_space(r, now), LIMIT_SPACE_REQUESTS);
}

/* draft-ietf-httpapi-ratelimit-headers-10 */
void response_quota(const struct request *r, struct MHD_Response *response)
{
	char text[96];

	if (!r->quota)
		return;
	(void)snprintf(text, sizeof(text), "\"%s\";q=%u;w=%u", r->quota, r->quota_burst,
		r->quota_window_sec);
	response_header(response, "RateLimit-Policy", text);
	(void)snprintf(text, sizeof(text), "\"%s\";r=%u;t=%u", r->quota, r->quota_left,
		r->quota_reset_sec);
	response_header(response, "RateLimit", text);
	if (!r->retry_sec)
		return;
	(void)snprintf(text, sizeof(text), "%u", r->retry_sec);
	response_header(response, "Retry-After", text);
}
