#include "gateway/head.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_token_char(unsigned char c)
{
	/* RFC 9110, 5.6.2 */
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_token_char((unsigned char)s[i]))
			return false;
	return n > 0;
}

static bool span_is(const struct span *s, const char *text)
{
	return s->n == strlen(text) && !strncasecmp(s->at, text, s->n);
}

/* One line without its end; *n shrinks. NULL: no whole line. */
static const char *next_line(const char **at, size_t *n, size_t *ret_length)
{
	const char *line = *at;
	const char *end = memchr(line, '\n', *n);
	size_t length;

	if (!end)
		return NULL;
	length = (size_t)(end - line);
	*at = end + 1;
	*n -= length + 1;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	*ret_length = length;
	return line;
}

static int parse_request_line(const char *line, size_t n, struct head *h, struct err *e)
{
	const char *first = memchr(line, ' ', n);
	const char *last = memrchr(line, ' ', n);
	struct span version;

	if (!first || first == last)
		return err_set(e, -EBADMSG, "request line: not METHOD TARGET VERSION");
	h->method = (struct span){line, (size_t)(first - line)};
	h->target = (struct span){first + 1, (size_t)(last - first - 1)};
	version = (struct span){last + 1, n - (size_t)(last + 1 - line)};
	if (!is_token(h->method.at, h->method.n) || h->method.n > 32)
		return err_set(e, -EBADMSG, "request line: the method is malformed");
	if (version.n != 8 || memcmp(version.at, "HTTP/1.", 7) ||
		(version.at[7] != '0' && version.at[7] != '1'))
		return err_set(e, -EBADMSG, "request line: only HTTP/1.0 and HTTP/1.1 are spoken");
	h->http10 = version.at[7] == '0';
	for (size_t i = 0; i < h->target.n; i++)
		if ((unsigned char)h->target.at[i] <= ' ' || h->target.at[i] == 0x7f)
			return err_set(e, -EBADMSG, "request line: the target is malformed");
	return 0;
}

/* True when list, separated by commas, holds the word. */
static bool list_has(const struct span *list, const char *word)
{
	size_t length = strlen(word);
	const char *at = list->at, *end = list->at + list->n;

	while (at < end) {
		const char *stop = memchr(at, ',', (size_t)(end - at));
		const char *last = stop ? stop : end;

		while (at < last && (*at == ' ' || *at == '\t'))
			at++;
		while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		if ((size_t)(last - at) == length && !strncasecmp(at, word, length))
			return true;
		at = stop ? stop + 1 : end;
	}
	return false;
}

static int take_once(struct span *field, const struct span *value, const char *name, struct err *e)
{
	if (field->at)
		return err_set(e, -EBADMSG, "%s: more than one", name);
	*field = *value;
	return 0;
}

static int parse_field(const char *line, size_t n, struct head *h, struct err *e)
{
	const char *colon = memchr(line, ':', n);
	struct span name, value;

	/* A line that starts with a space would continue the one before: no longer HTTP. */
	if (!colon || !is_token(line, (size_t)(colon - line)))
		return err_set(e, -EBADMSG, "header: a line is no NAME: VALUE");
	name = (struct span){line, (size_t)(colon - line)};
	value = (struct span){colon + 1, n - name.n - 1};
	while (value.n > 0 && (*value.at == ' ' || *value.at == '\t')) {
		value.at++;
		value.n--;
	}
	while (value.n > 0 && (value.at[value.n - 1] == ' ' || value.at[value.n - 1] == '\t'))
		value.n--;
	if (memchr(value.at, 0, value.n))
		return err_set(e, -EBADMSG, "header: a value holds NUL");
	if (span_is(&name, "Host"))
		return take_once(&h->host, &value, "Host", e);
	if (span_is(&name, "Origin"))
		return take_once(&h->origin, &value, "Origin", e);
	if (span_is(&name, "Cookie"))
		return take_once(&h->cookie, &value, "Cookie", e);
	if (span_is(&name, "X-Forwarded-For"))
		h->forwarded_for = value;
	if (span_is(&name, "Upgrade"))
		h->upgrade_websocket = list_has(&value, "websocket");
	return 0;
}

static int parse_fields(const char *at, size_t n, struct head *h, const char *start, struct err *e)
{
	for (int fields = 0;; fields++) {
		size_t length;
		const char *line = next_line(&at, &n, &length);
		int r;

		if (!line)
			return 0;
		if (length == 0) {
			h->length = (size_t)(at - start);
			return 1;
		}
		if (fields == HEAD_FIELDS_MAX)
			return err_set(
				e, -EMSGSIZE, "header: more than %d fields", HEAD_FIELDS_MAX);
		r = parse_field(line, length, h, e);
		if (r < 0)
			return r;
	}
}

int head_parse(const char *bytes, size_t n, struct head *ret, struct err *e)
{
	struct head h = {0};
	const char *at = bytes;
	size_t left = n, length;
	const char *line = next_line(&at, &left, &length);
	int r;

	if (!line) {
		/* Anything that cannot become a request line is answered at once. */
		if (n > 0 && !is_token_char((unsigned char)bytes[0]))
			return err_set(e, -EBADMSG, "request line: not HTTP");
		return n < HEAD_MAX
			       ? 0
			       : err_set(e, -EMSGSIZE, "request line: over %d bytes", HEAD_MAX);
	}
	r = parse_request_line(line, length, &h, e);
	if (r == 0)
		r = parse_fields(at, left, &h, bytes, e);
	if (r < 0)
		return r;
	if (r == 0)
		return n < HEAD_MAX ? 0
				    : err_set(e, -EMSGSIZE,
					      "request head: over the limit of %d bytes", HEAD_MAX);
	if (!h.host.at && !h.http10)
		return err_set(e, -EBADMSG, "Host: missing");
	if (h.host.at && !host_is_sane(h.host.at, h.host.n))
		return err_set(e, -EBADMSG, "Host: malformed");
	*ret = h;
	return 1;
}

bool host_is_sane(const char *host, size_t n)
{
	if (n == 0 || n > 255)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)host[i]) && (!host[i] || !strchr("-._:[]", host[i])))
			return false;
	return true;
}

/* host:port without the port that the scheme implies. */
static struct span strip_port(struct span s, const char *port)
{
	size_t n = strlen(port);

	if (s.n > n && !memcmp(s.at + s.n - n, port, n))
		s.n -= n;
	return s;
}

bool origin_matches(const struct span *origin, const struct span *host)
{
	struct span o = *origin, h = *host;
	const char *port;

	if (!h.at)
		return false;
	if (o.n > 7 && !strncasecmp(o.at, "http://", 7)) {
		o = (struct span){o.at + 7, o.n - 7};
		port = ":80";
	} else if (o.n > 8 && !strncasecmp(o.at, "https://", 8)) {
		o = (struct span){o.at + 8, o.n - 8};
		port = ":443";
	} else {
		return false;
	}
	o = strip_port(o, port);
	h = strip_port(h, port);
	return o.n == h.n && !strncasecmp(o.at, h.at, o.n);
}

static bool take_segment(const char **at, size_t *n, char *ret, size_t size)
{
	size_t i = 0;

	if (*n == 0 || **at != '/')
		return false;
	(*at)++;
	(*n)--;
	while (i < *n && (*at)[i] != '/') {
		if (i + 1 >= size ||
			(!isalnum((unsigned char)(*at)[i]) && !strchr("-_.", (*at)[i])))
			return false;
		ret[i] = (*at)[i];
		i++;
	}
	ret[i] = '\0';
	*at += i;
	*n -= i;
	return i > 0;
}

bool space_path_parse(const char *target, size_t n, struct space_path *ret)
{
	static const char as[] = "/-/as/";
	const char *query = memchr(target, '?', n);

	if (query)
		n = (size_t)(query - target);
	if (n < 8 || memcmp(target, "/spaces/", 8))
		return false;
	target += 7;
	n -= 7;
	if (!take_segment(&target, &n, ret->owner, sizeof(ret->owner)) ||
		!take_segment(&target, &n, ret->name, sizeof(ret->name)))
		return false;
	ret->visitor = (struct span){0};
	if (n > sizeof(as) - 1 && !memcmp(target, as, sizeof(as) - 1)) {
		const char *at = target + sizeof(as) - 1;
		const char *end = memchr(at, '/', n - (sizeof(as) - 1));

		if (!end)
			end = target + n;
		ret->visitor = (struct span){at, (size_t)(end - at)};
		n -= (size_t)(end - target);
		target = end;
	}
	ret->rest = target;
	ret->rest_length = n;
	return true;
}
