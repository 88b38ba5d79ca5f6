#include "orchestrator/domains/prove.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

int prove_check(const struct world *w, const char *host, struct err *e)
{
	char platform[DOMAIN_NAME_MAX + 1] = "";

	(void)host_name_of_url(w->url, platform);
	return custom_host_check(host, platform, w->spaces_domain, e);
}

int prove_begin(struct world *w, const char *space_id, const char *host, struct err *e)
{
	struct domain d;
	int r = domain_claim(w->store, space_id, host, (int64_t)clock_wall_usec(), &d, e);

	if (r < 0 || d.proved_usec)
		return r;
	if (edge_peer_prove(w->edge, d.host, d.token) < 0)
		r = domain_refuse(
			w->store, space_id, host, "the gateway is away; try again in a moment", e);
	return r;
}

int prove_bind(struct world *w, const char *space_id, const char *host, struct err *e)
{
	int64_t now = (int64_t)clock_wall_usec();
	struct domain d;
	int r = domain_unbind_deleted(w->store, host, e);

	if (r == 0)
		r = domain_claim(w->store, space_id, host, now, &d, e);
	if (r == 0)
		r = domain_prove(w->store, space_id, host, now, e);
	if (r == 0)
		edge_peer_route(w->edge, space_id);
	return r;
}

int prove_end(struct world *w, const char *space_id, const char *host, struct err *e)
{
	int r = domain_remove(w->store, space_id, host, e);

	if (r == 0)
		edge_peer_route(w->edge, space_id);
	return r;
}

void prove_take(struct world *w, const char *host, const char *token, const char *words)
{
	struct domain d;
	struct err e = {0};

	if (domain_by_token(w->store, host, token, &d, &e) < 0)
		return; /* it is over, or was taken back */
	if (!words && domain_prove(w->store, d.space, host, (int64_t)clock_wall_usec(), &e) == 0) {
		log_info("space=%s host=%s leads here and is its own", d.space, host);
		edge_peer_route(w->edge, d.space);
		return;
	}
	e = (struct err){0};
	if (domain_refuse(
		    w->store, d.space, host, words ? words : "it is another Space's host", &e) < 0)
		log_error("space=%s host=%s: %s", d.space, host, e.text);
}
