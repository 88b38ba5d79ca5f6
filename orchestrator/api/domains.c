/* REST: hosts that owners bring for their Spaces, and all that are proved. */
#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/domains/prove.h"

static json_t *domain_object(const struct domain *d)
{
	json_t *o = json_pack("{s:s, s:s, s:o}", "domain", d->host, "stage",
		d->proved_usec ? "READY" : "PENDING", "createdAt", json_time(d->asked_usec));

	if (!o || d->proved_usec)
		return o;
	(void)json_object_set_new(o, "expiresAt", json_time(d->asked_usec + DOMAIN_CLAIM_USEC));
	if (*d->words)
		(void)json_object_set_new(o, "message", json_words(d->words));
	return o;
}

/* All of them, which is the answer to every change too. */
static void answer_domains(struct request *r, const struct space *space)
{
	struct domain all[SPACE_DOMAINS_MAX];
	struct err e = {0};
	int n = domain_list(r->world->store, space->id, (int64_t)clock_wall_usec(), all, &e);
	json_t *list;

	if (n < 0) {
		request_fail(r, n, &e);
		return;
	}
	list = json_array();
	for (int i = 0; i < n; i++)
		(void)json_array_append_new(list, domain_object(&all[i]));
	request_json(r, MHD_HTTP_OK, list);
}

void handle_domain_list(struct request *r)
{
	struct space space;

	if (request_space(r, &space) == 0)
		answer_domains(r, &space);
}

static int read_host(struct request *r, const char **ret, struct err *e)
{
	int code = json_get_str(r->json, "domain", DOMAIN_NAME_MAX, ret, e);

	return code == -ENOENT ? -EINVAL : code;
}

/* {domain, proved?}: proved is an administrator's word. */
static int add(struct request *r, const struct space *space, struct err *e)
{
	bool proved = json_is_true(json_object_get(r->json, "proved"));
	const char *host;
	int code = read_host(r, &host, e);

	if (code == 0)
		code = prove_check(r->world, host, e);
	if (code < 0)
		return code;
	if (proved && !r->who.admin)
		return err_set(e, -EPERM, "proved: only administrators say so");
	if (proved)
		return prove_bind(r->world, space->id, host, e);
	if (!r->world->custom_domains)
		return err_set(e, -EPERM,
			"hosts are added by administrators here (vitrine up --custom-domains lets "
			"owners do it)");
	return prove_begin(r->world, space->id, host, e);
}

void handle_domain_add(struct request *r)
{
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = add(r, &space, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		answer_domains(r, &space);
}

void handle_domain_remove(struct request *r)
{
	struct space space;
	struct err e = {0};
	const char *host;
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = read_host(r, &host, &e);
	if (code == 0)
		code = prove_end(r->world, space.id, host, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		answer_domains(r, &space);
}

static int append(const struct store_row *row, void *data)
{
	return json_array_append_new(
		       data, json_pack("{s:s, s:o, s:o}", "domain", store_text(row, 0), "space",
				     json_sprintf("%s/%s", store_text(row, 1), store_text(row, 2)),
				     "provedAt", json_time(store_int(row, 3)))) < 0
		       ? -ENOMEM
		       : 0;
}

void handle_all_domains(struct request *r)
{
	json_t *list = json_array();
	struct err e = {0};
	int code = store_run(r->world->store, "domain_list_proved", append, list, &e, "");

	if (code >= 0) {
		request_json(r, MHD_HTTP_OK, list);
		return;
	}
	json_decref(list);
	request_fail(r, code, &e);
}
