#include "fetch/headers.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define LINE_MAX_BYTES (16 << 10)

/* What frames the message, or belongs to the connection, is the platform's. */
static const char *const platforms[] = {"accept-encoding", "connection", "content-length", "expect",
	"host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"};

/* What may go to an origin that the app has not named: nothing else does, since any name may carry
 * a key. */
static const char *const harmless[] = {"accept", "accept-language", "content-language",
	"content-type", "if-match", "if-modified-since", "if-none-match", "if-range",
	"if-unmodified-since", "range", "user-agent"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(list[i], name))
			return true;
	return false;
}

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("!#$%&'*+-.^_`|~", text[i]))
			return false;
	return n > 0 && strlen(text) == n;
}

static bool is_value(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

static int check_pair(const json_t *pair, size_t *sum, struct verdict *v)
{
	const json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);

	if (!json_is_string(name) || !json_is_string(value))
		return verdict_set(v, "bad_request", "header", "a header is a name and a text");
	if (!is_token(json_string_value(name), json_string_length(name)))
		return verdict_set(v, "bad_request", "header", "'%.40s' is no name of a header",
			json_string_value(name));
	if (is_in(platforms, COUNT(platforms), json_string_value(name)) ||
		!strncasecmp(json_string_value(name), "proxy-", 6))
		return verdict_set(v, "refused", "header",
			"the header '%.40s' is set by the platform", json_string_value(name));
	if (!is_value(json_string_value(value), json_string_length(value)))
		return verdict_set(v, "bad_request", "header",
			"the header '%.40s' has control characters", json_string_value(name));
	*sum += json_string_length(name) + json_string_length(value);
	return 0;
}

int headers_check(const json_t *headers, struct verdict *v)
{
	size_t sum = 0;

	if (headers && !json_is_array(headers))
		return verdict_set(v, "bad_request", "header", "headers are no list");
	if (json_array_size(headers) > HEADERS_MAX)
		return verdict_set(v, "refused", "size", "over %d headers, the limit", HEADERS_MAX);
	for (size_t i = 0; i < json_array_size(headers); i++) {
		int r = check_pair(json_array_get(headers, i), &sum, v);

		if (r < 0)
			return r;
	}
	if (sum > HEADERS_BYTES_MAX)
		return verdict_set(v, "refused", "size", "headers are over %d KiB, the limit",
			HEADERS_BYTES_MAX >> 10);
	return 0;
}

static int append(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int append_pair(struct curl_slist **list, const char *name, const char *value)
{
	CLEANUP(buf_done) struct buf line;
	int r;

	buf_init(&line, HEADERS_BYTES_MAX + 8);
	/* curl_slist: "name:" would take the header away, "name;" sends it with nothing. */
	r = *value ? buf_addf(&line, "%s: %s", name, value) : buf_addf(&line, "%s;", name);
	return r < 0 ? -ENOMEM : append(list, buf_str(&line));
}

int headers_out(const json_t *headers, bool foreign, struct curl_slist **ret)
{
	struct curl_slist *list = NULL;
	bool type = false;
	int r = append(&list, "Expect:"); /* nobody waits for a 100 */

	for (size_t i = 0; r == 0 && i < json_array_size(headers); i++) {
		const json_t *pair = json_array_get(headers, i);
		const char *name = json_string_value(json_array_get(pair, 0));

		type |= !strcasecmp(name, "content-type");
		if (!foreign || is_in(harmless, COUNT(harmless), name))
			r = append_pair(&list, name, json_string_value(json_array_get(pair, 1)));
	}
	if (r == 0 && !type)
		r = append(&list, "Content-Type:"); /* a body is no form unless the app says so */
	if (r < 0) {
		curl_slist_free_all(list);
		return r;
	}
	*ret = list;
	return 0;
}

/* Bytes over 127 stand for themselves in ISO 8859-1 where the value is no UTF-8. */
static json_t *text_of(const char *value)
{
	CLEANUP(buf_done) struct buf text;
	json_t *is = json_string(value);

	buf_init(&text, LINE_MAX_BYTES * 2);
	for (const char *p = value; !is && *p; p++) {
		unsigned char c = (unsigned char)*p;
		char two[3] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};

		if ((c < 0x80 ? buf_add(&text, p, 1) : buf_add(&text, two, 2)) < 0)
			break;
	}
	return is ? is : json_string(buf_str(&text));
}

json_t *headers_in(CURL *easy)
{
	json_t *list = json_array();
	struct curl_header *h = NULL;

	while (list && (h = curl_easy_nextheader(easy, CURLH_HEADER, -1, h))) {
		char name[256];
		size_t n = strnlen(h->name, sizeof(name) - 1);

		for (size_t i = 0; i < n; i++)
			name[i] = (char)tolower((unsigned char)h->name[i]);
		name[n] = '\0';
		(void)json_array_append_new(
			list, json_pack("[o,o]", text_of(name), text_of(h->value)));
	}
	return list;
}
