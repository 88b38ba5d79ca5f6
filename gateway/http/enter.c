/*
 * Signing in at a Space's own host, where the platform's cookie never comes. Three redirects:
 *
 *	HOST/-/enter             gives the browser a secret of its own, and sends its hash on
 *	PLATFORM/-/enter         knows who it is; has them sign in, if nobody; seals a code for
 *	                         that host and that browser
 *	HOST/-/enter?code=…      takes the code, which is no more then, and gives a pass
 *
 * With try=1, which a link has and no "Sign in", whoever is not known comes back without a pass:
 * an old cookie, or an orchestrator that is away, keeps nobody from a page that is for all.
 */
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"
#include "gateway/http/request.h"
#include "proto/cookie.h"

#define ENTER_SEC 600 /* for somebody who has to sign in first */
#define NEXT_MAX 1024
#define ESCAPED_MAX (3 * NEXT_MAX + 1)
#define LOCATION_MAX (HOST_URL_MAX + PASS_MAX + ESCAPED_MAX + 64)
#define SIGN_IN_TARGET_MAX 8000 /* of what the browser asks for then */

static uint64_t now_sec(void)
{
	return clock_wall_usec() / USEC_PER_SEC;
}

/* False: not all of it fits. */
static bool escape_into(const char *text, char *ret, size_t size)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t n = 0;

	for (; *at && n + 4 < size; at++)
		n += (size_t)snprintf(ret + n, size - n,
			isalnum(*at) || strchr("-._~/", *at) ? "%c" : "%%%02X", *at);
	ret[n] = '\0';
	return !*at;
}

static void escape(const char *text, char ret[ESCAPED_MAX])
{
	(void)escape_into(text, ret, ESCAPED_MAX);
}

static bool is_try(const struct request *r)
{
	const char *text = request_argument(r, "try");

	return text && !strcmp(text, "1");
}

static const char *try_again(const struct request *r)
{
	return is_try(r) ? "try=1&" : "";
}

/* A path of this host and nothing else, or "/". */
static const char *next_of(const struct request *r)
{
	const char *next = request_argument(r, "next");

	if (!next || next[0] != '/' || next[1] == '/' || strlen(next) > NEXT_MAX)
		return "/";
	for (const char *at = next; *at; at++)
		if (*at < '!' || *at > '~' || *at == '\\')
			return "/";
	return next;
}

static void begin_get(struct request *r)
{
	if (strcmp(r->method, MHD_HTTP_METHOD_GET) != 0)
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered here");
}

static void add_cookie(const struct request *r, struct MHD_Response *response, const char *name,
	const char *value, unsigned sec)
{
	char text[PASS_MAX + 160];

	(void)snprintf(text, sizeof(text), "%s=%s; Path=/; Max-Age=%u; HttpOnly; SameSite=Lax%s",
		name, value, sec, request_gateway(r)->hosts.https ? "; Secure" : "");
	response_header(response, MHD_HTTP_HEADER_SET_COOKIE, text);
}

static enum MHD_Result send_on(struct request *r, const char *location, const char *cookie,
	const char *value, unsigned sec)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	response_header(response, MHD_HTTP_HEADER_LOCATION, location);
	response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	add_cookie(r, response, cookie, value, sec);
	return answer(r, MHD_HTTP_SEE_OTHER, response);
}

/* --- from path to host --- */

/* A person's browser goes to this page, and not a program or a frame. */
static bool is_navigation(const struct request *r)
{
	const char *use = request_header(r, "Sec-Fetch-Dest");
	const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT);

	return use ? !strcmp(use, "document") : accept && strstr(accept, "text/html");
}

bool request_leads_elsewhere(
	const struct request *r, const struct route *route, char ret[ELSEWHERE_MAX])
{
	const struct hosts *hosts = &request_gateway(r)->hosts;
	const char *rest =
		r->target + strlen("/spaces//") + strlen(route->owner) + strlen(route->name);
	const char *cookie = request_header(r, "Cookie");
	char address[HOST_URL_MAX], next[NEXT_MAX + 1], escaped[ESCAPED_MAX];
	bool card = route_is_card(route) && !route->stopped;
	size_t n;

	if (*r->host && card) {
		(void)snprintf(ret, ELSEWHERE_MAX, "%s/spaces/%s/%s", hosts->url, route->owner,
			route->name);
		return true;
	}
	hosts_address(hosts, route, address);
	if (*r->host || card || !*address || r->path.visitor.at || !is_navigation(r) ||
		snprintf(next, sizeof(next), "%s%s", *rest == '/' ? "" : "/", rest) > NEXT_MAX)
		return false;
	if (cookie && cookie_find(cookie, strlen(cookie), SIGN_IN_COOKIE(hosts->https), &n)) {
		escape(next, escaped);
		(void)snprintf(ret, ELSEWHERE_MAX, "%s/-/enter?try=1&next=%s", address, escaped);
	} else {
		(void)snprintf(ret, ELSEWHERE_MAX, "%s%s", address, next);
	}
	return true;
}

/* --- at the platform --- */

static enum MHD_Result answer_sign_in(struct request *r, const char *name, const char *state)
{
	char location[SIGN_IN_TARGET_MAX] = "/-/sign-in?next=", target[LOCATION_MAX];
	size_t n = strlen(location);

	if (!escape_into(r->target, location + n, sizeof(location) - n)) {
		/* Better at the Space's first page than nowhere. */
		(void)snprintf(
			target, sizeof(target), "/-/enter?host=%s&state=%s&next=/", name, state);
		(void)escape_into(target, location + n, sizeof(location) - n);
	}
	return answer_redirect(r, MHD_HTTP_SEE_OTHER, location);
}

static enum MHD_Result answer_back(struct request *r, const char *name)
{
	char location[HOST_URL_MAX + NEXT_MAX + 1], url[HOST_URL_MAX];

	hosts_url_of(&request_gateway(r)->hosts, name, url);
	(void)snprintf(location, sizeof(location), "%s%s", url, next_of(r));
	return answer_redirect(r, MHD_HTTP_SEE_OTHER, location);
}

/* Of IPv4 and of IPv6: this machine is one network, by whatever name it calls itself. */
static bool is_loopback(const uint8_t *network, size_t n)
{
	return n == 4 ? network[0] == 127 : n == 8 && !memcmp(network, &in6addr_loopback, n);
}

/* Of an IPv4 address 24 bits: what one subscriber's sockets may leave from. */
static struct handover handover_of(const struct request *r, const char *host, const char *state)
{
	struct handover h = {.host = host, .state = state, .network = (const uint8_t *)""};
	size_t n = 0;

	if (r->address)
		h.network = address_network(r->address, &n);
	h.network_n = is_loopback(h.network, n) ? 0 : n == 4 ? 3 : n;
	return h;
}

static enum MHD_Result answer_code(struct request *r, const char *name, const char *state)
{
	const struct gateway *g = request_gateway(r);
	const struct handover to = handover_of(r, name, state);
	char location[LOCATION_MAX], url[HOST_URL_MAX], code[PASS_MAX + 1], next[ESCAPED_MAX];
	size_t n = 0;
	const char *sign_in = request_sign_in(r, &n);

	if (!sign_in || !handover_seal(g->passes, &to, sign_in, n, now_sec(), code))
		return answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "this did not work");
	hosts_url_of(&g->hosts, name, url);
	escape(next_of(r), next);
	(void)snprintf(location, sizeof(location), "%s/-/enter?%scode=%s&next=%s", url,
		try_again(r), code, next);
	return answer_redirect(r, MHD_HTTP_SEE_OTHER, location);
}

static enum MHD_Result enter_finish(struct request *r)
{
	struct gateway *g = request_gateway(r);
	const char *host = request_argument(r, "host"), *state = request_argument(r, "state");
	struct route *route = NULL;
	char name[DOMAIN_NAME_MAX + 1];
	enum host_kind kind;

	if (!host || !host_name_read(host, strlen(host), name) || !state ||
		strlen(state) != SHA256_HEX || strspn(state, "0123456789abcdef") != SHA256_HEX)
		return answer_error(r, MHD_HTTP_BAD_REQUEST, "host and state: must be there");
	kind = hosts_find(&g->hosts, g->routes, name, strlen(name), &route);
	if (kind == HOST_PLATFORM)
		return answer_missing(r);
	if (!request_identify(r))
		return MHD_YES;
	if (!r->who.known || !r->who.user[0])
		return is_try(r) ? answer_back(r, name) : answer_sign_in(r, name, state);
	if (kind != HOST_SPACE || (route->private && !request_owns(r, route)))
		return answer_missing(r);
	return answer_code(r, name, state);
}

const struct handler enter_handler = {.name = "enter", .begin = begin_get, .finish = enter_finish};

/* --- at the Space's host --- */

/* The browser's secret, 26 letters and digits; false: it has none. */
static bool secret_of(const struct request *r, char ret[ID_LEN + 1])
{
	const char *header = request_header(r, "Cookie");
	size_t n = 0;
	const char *at = header ? cookie_find(header, strlen(header),
					  hosts_enter_cookie(&request_gateway(r)->hosts), &n)
				: NULL;

	if (!at || n != ID_LEN)
		return false;
	memcpy(ret, at, n);
	ret[n] = '\0';
	return strspn(ret, "0123456789abcdefghjkmnpqrstvwxyz") == ID_LEN;
}

static enum MHD_Result answer_begin(struct request *r)
{
	const struct gateway *g = request_gateway(r);
	char secret[ID_LEN + 1], state[SHA256_HEX + 1], next[ESCAPED_MAX], location[LOCATION_MAX];

	/* In two tabs at once it is the same one. A script may have chosen it, as it may choose a
	 * state; that gains it nothing that the code's network does not take away again. */
	if (!secret_of(r, secret))
		random_id(secret);
	sha256_hex(secret, ID_LEN, state);
	escape(next_of(r), next);
	(void)snprintf(location, sizeof(location), "%s/-/enter?%shost=%s&state=%s&next=%s",
		g->hosts.url, try_again(r), r->host, state, next);
	return send_on(r, location, hosts_enter_cookie(&g->hosts), secret, ENTER_SEC);
}

static enum MHD_Result answer_code_over(struct request *r)
{
	static const char words[] =
		"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
		"content=\"width=device-width\"><title>Sign in</title><p>This way in is over, or "
		"began in another browser or network. <a href=\"/-/enter\">Try again</a>, or go "
		"<a href=\"/\">on without signing in</a>.</p></html>";

	return answer_bytes(
		r, MHD_HTTP_FORBIDDEN, "text/html; charset=utf-8", words, sizeof(words) - 1);
}

static bool take_code(struct request *r, const char *code, char pass[PASS_MAX + 1])
{
	const struct gateway *g = request_gateway(r);
	char secret[ID_LEN + 1], state[SHA256_HEX + 1];
	const struct handover to = handover_of(r, r->host, state);
	size_t n;

	if (!secret_of(r, secret))
		return false;
	sha256_hex(secret, ID_LEN, state);
	return handover_take(g->passes, &to, code, now_sec(), r->sign_in, &n) &&
	       pass_seal(g->passes, r->host, r->sign_in, n, now_sec(), pass);
}

static enum MHD_Result answer_end(struct request *r, const char *code)
{
	char pass[PASS_MAX + 1];

	if (take_code(r, code, pass))
		return send_on(r, next_of(r), hosts_pass_cookie(&request_gateway(r)->hosts), pass,
			PASS_SEC);
	return is_try(r) ? answer_redirect(r, MHD_HTTP_SEE_OTHER, next_of(r)) : answer_code_over(r);
}

static enum MHD_Result entry_finish(struct request *r)
{
	const char *code = request_argument(r, "code");

	if (code)
		return answer_end(r, code);
	if (!*request_gateway(r)->hosts.url)
		return answer_absent(r);
	if (!request_identify(r))
		return MHD_YES;
	return r->who.known && r->who.user[0] ? answer_redirect(r, MHD_HTTP_SEE_OTHER, next_of(r))
					      : answer_begin(r);
}

const struct handler entry_handler = {.name = "entry", .begin = begin_get, .finish = entry_finish};

static void leave_begin(struct request *r)
{
	if (strcmp(r->method, MHD_HTTP_METHOD_POST) != 0)
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST is answered here");
	else if (!request_header(r, "Origin") || !request_is_same_origin(r))
		request_refuse(r, MHD_HTTP_FORBIDDEN, "Origin: not the host that serves this page");
}

static enum MHD_Result leave_finish(struct request *r)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	add_cookie(r, response, hosts_pass_cookie(&request_gateway(r)->hosts), "", 0);
	return answer(r, MHD_HTTP_NO_CONTENT, response);
}

const struct handler leave_handler = {
	.name = "leave", .begin = leave_begin, .finish = leave_finish};
