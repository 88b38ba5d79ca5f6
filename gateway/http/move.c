/* From http to https, where vitrine-tls serves. */
#include <stdio.h>
#include <string.h>

#include "gateway/http/request.h"
#include "gateway/prove.h"
#include "proto/challenge.h"

/* For these nobody comes by the other way: who checks that we live, and who gives certificates. */
bool request_must_move(const struct request *r)
{
	static const char *const stay[] = {"/healthz", CHALLENGE_PATH, PROOF_PATH};

	if (!request_gateway(r)->https_port || !strcmp(request_scheme(r), "https"))
		return false;
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		if (!*r->host && !strncmp(r->target, stay[i], strlen(stay[i])))
			return false;
	return true;
}

static enum MHD_Result move_finish(struct request *r)
{
	const char *host = request_header(r, "Host");
	unsigned int port = request_gateway(r)->https_port;
	struct MHD_Response *response;
	char url[8192 + 320], suffix[8] = "";
	const char *end;

	if (!host)
		return answer_error(r, MHD_HTTP_BAD_REQUEST, "Host: missing");
	end = strrchr(host, ':');
	if (!end || strchr(end, ']'))
		end = host + strlen(host);
	if (port != 443)
		(void)snprintf(suffix, sizeof(suffix), ":%u", port);
	(void)snprintf(url, sizeof(url), "https://%.*s%s%s", (int)(end - host), host, suffix,
		r->asked ? r->asked : r->target);
	response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	response_header(response, "Location", url);
	return answer(r, MHD_HTTP_PERMANENT_REDIRECT, response);
}

const struct handler move_handler = {.name = "move", .finish = move_finish};
