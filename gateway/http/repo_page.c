/*
 * Pages of one repo. What they show, their script asks for; whether there is such a repo at all is
 * asked here, so that a link to a former name leads on and one to nowhere says so in its status.
 */
#include <errno.h>
#include <stdlib.h>

#include "gateway/http/request.h"
#include "gateway/http/upstream.h"
#include "gateway/repo_path.h"

#define PATH_MAX_BYTES 8192

static void repo_page_begin(struct request *r)
{
	platform_handler.begin(r);
}

static enum MHD_Result answer_moved(struct request *r, const struct repo_path *path)
{
	struct MHD_Response *response;
	char to[PATH_MAX_BYTES];
	char *location = upstream_header(r->state, MHD_HTTP_HEADER_LOCATION);
	int n = location ? repo_path_moved(path, location, to, sizeof(to)) : -EINVAL;

	free(location);
	if (n < 0)
		return answer_missing(r);
	response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	response_header(response, MHD_HTTP_HEADER_LOCATION, to);
	response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache");
	return answer(r, MHD_HTTP_TEMPORARY_REDIRECT, response);
}

static bool ask(struct request *r, const struct repo_path *path)
{
	char question[PATH_MAX_BYTES];

	if (!r->state && repo_path_question(path, question, sizeof(question)) == 0)
		r->state = upstream_look(r, question);
	return r->state;
}

enum MHD_Result answer_repo_page(struct request *r)
{
	struct repo_path path;

	if (!repo_path_parse(r->target, &path) || !ask(r, &path))
		return answer_missing(r);
	switch (upstream_status(r->state)) {
	case 0:
		request_suspend(r);
		return MHD_YES;
	case MHD_HTTP_TEMPORARY_REDIRECT:
		return answer_moved(r, &path);
	case MHD_HTTP_UNAUTHORIZED:
	case MHD_HTTP_NOT_FOUND:
		return answer_missing(r);
	case MHD_HTTP_OK:
		return answer_platform(r);
	default:
		/* The orchestrator is away. Spaces are known here; of the others the page says so,
		   and asks again. */
		return r->handler == &page_handler ? answer_missing(r) : answer_platform(r);
	}
}

void repo_page_done(struct request *r)
{
	upstream_forget(r->state);
	r->state = NULL;
}

const struct handler repo_page_handler = {.name = "repo page",
	.begin = repo_page_begin,
	.finish = answer_repo_page,
	.done = repo_page_done};
