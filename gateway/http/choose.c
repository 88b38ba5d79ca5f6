/* Which handler a target belongs to. */
#include <string.h>

#include "gateway/http/request.h"
#include "gateway/prove.h"
#include "gateway/repo_path.h"
#include "proto/challenge.h"

static bool rest_is(const struct request *r, const char *text)
{
	return r->path.rest_length == strlen(text) &&
	       !memcmp(r->path.rest, text, r->path.rest_length);
}

static bool rest_begins(const struct request *r, const char *text)
{
	return r->path.rest_length >= strlen(text) && !memcmp(r->path.rest, text, strlen(text));
}

static bool target_begins(const struct request *r, const char *text)
{
	return !strncmp(r->target, text, strlen(text));
}

/* Below /spaces/OWNER/NAME. prefix: the rest may go on. */
static const struct {
	const char *rest;
	bool prefix;
	const struct handler *handler;
	bool platform; /* not at the Space's own host */
} space_paths[] = {
	{"", false, &page_handler},
	{"/", false, &page_handler},
	{"/p/", true, &page_handler},
	{"/-/embed", false, &embed_handler},
	{"/-/ws", false, &upgrade_handler},
	{"/-/stream", false, &stream_handler},
	{"/-/send", false, &send_handler},
	{"/-/events", false, &events_handler},
	{"/-/poll", false, &poll_handler},
	{"/-/upload", false, &upload_handler},
	{"/-/uploads", false, &tus_handler},
	{"/-/uploads/", true, &tus_handler},
	{"/-/file/", true, &file_handler},
	{"/-/api/", true, &rest_handler},
	{"/-/openapi.json", false, &openapi_handler},
	{"/-/agents.md", false, &agents_handler},
	{"/-/mcp", false, &mcp_handler},
	{"/-/site/", true, &upstream_handler, true},
	{"/-/", true, &repo_page_handler, true},
	{"/config", false, &gradio_handler},
	{"/login", false, &gradio_handler, true},
	{"/call/", true, &gradio_handler},
	{"/gradio_api/", true, &gradio_handler},
};

/* Below a repo of any kind, where a Space's own paths have not said otherwise. */
static const struct {
	const char *rest;
	bool prefix;
	const struct handler *handler;
} repo_paths[] = {
	{"info/refs", false, &upstream_handler},
	{"git-upload-pack", false, &upstream_handler},
	{"git-receive-pack", false, &upstream_handler},
	{"info/lfs/", true, &upstream_handler},
	{"resolve/", true, &upstream_handler},
	{"raw/", true, &upstream_handler},
	{"", false, &repo_page_handler},
	{"tree/", true, &repo_page_handler},
	{"blob/", true, &repo_page_handler},
	{"edit/", true, &repo_page_handler},
	{"commits/", true, &repo_page_handler},
	{"commit/", true, &repo_page_handler},
	{"settings", false, &repo_page_handler},
};

/* whole: the end, "/" or "?" follows; "/metrics-lab" is an owner. */
static const struct {
	const char *path;
	const struct handler *handler;
	bool whole;
} prefixes[] = {
	{"/api/", &upstream_handler},
	{"/v1/", &openai_handler},
	{"/models/", &pipelines_handler},
	{"/lfs-storage/", &upstream_handler},
	{"/assets/", &asset_handler},
	{"/-/probe/head", &probe_head_handler},
	{"/-/probe/wait", &probe_wait_handler},
	{"/-/probe/events", &probe_events_handler},
	{"/-/probe/size", &probe_size_handler},
	{"/-/probe/range", &probe_range_handler},
	{PROBE_WS_PATH, &upgrade_handler},
	{"/-/enter", &enter_handler, true},
	{"/-/", &platform_handler},
	{"/?", &platform_handler},
	{PROOF_PATH, &proof_handler},
	{CHALLENGE_PATH, &challenge_handler},
	{"/healthz", &health_handler, true},
	{"/metrics", &upstream_handler, true},
};

static const struct handler *choose_for_repo(const struct request *r)
{
	struct repo_path path;

	if (!repo_path_parse(r->target, &path))
		return &missing_handler;
	for (size_t i = 0; i < sizeof(repo_paths) / sizeof(*repo_paths); i++) {
		size_t n = path.rest_n, want = strlen(repo_paths[i].rest);

		if ((repo_paths[i].prefix ? n > want : n == want) &&
			!memcmp(path.rest, repo_paths[i].rest, want))
			return repo_paths[i].handler;
	}
	return &missing_handler;
}

/* "/models", "/new", "/OWNER", or a file of the UI's: those have a dot in their names. */
static const struct handler *choose_for_word(const struct request *r)
{
	size_t n = strcspn(r->target, "?");

	return memchr(r->target, '.', n) ? &asset_handler : &platform_handler;
}

static const struct handler *choose_for_space(const struct request *r, bool at_host)
{
	for (size_t i = 0; i < sizeof(space_paths) / sizeof(*space_paths); i++)
		if ((!at_host || !space_paths[i].platform) &&
			(space_paths[i].prefix ? rest_begins(r, space_paths[i].rest)
					       : rest_is(r, space_paths[i].rest)))
			return space_paths[i].handler;
	return NULL;
}

const struct handler *request_choose_at_host(struct request *r)
{
	const struct handler *h = NULL;

	if (space_path_parse(r->target, strlen(r->target), &r->path))
		h = choose_for_space(r, true);
	return h ? h : &absent_handler;
}

const struct handler *request_choose(struct request *r)
{
	if (!strcmp(r->target, "/"))
		return &platform_handler;
	if (space_path_parse(r->target, strlen(r->target), &r->path)) {
		const struct handler *h = choose_for_space(r, false);

		return h ? h : choose_for_repo(r);
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (target_begins(r, prefixes[i].path) &&
			(!prefixes[i].whole || strchr("/?", r->target[strlen(prefixes[i].path)])))
			return prefixes[i].handler;
	if (memchr(r->target + 1, '/', strcspn(r->target + 1, "?")))
		return choose_for_repo(r);
	return choose_for_word(r);
}
