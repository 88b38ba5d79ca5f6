#include "cli/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/json.h"

int ask(const struct client_options *o, const char *method, const json_t *body, json_t **ret,
	const char *fmt, ...)
{
	CLEANUP(client_freep) struct client *c = client_or_complain(o);
	struct err e = {0};
	char path[1024];
	va_list ap;

	*ret = NULL;
	if (!c)
		return ASK_FAILED;
	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (client_request(c, method, path, body, ret, &e) == 0)
		return 0;
	fprintf(stderr, "vitrine: %s\n", e.text);
	return ASK_FAILED;
}

bool ask_repo_id(const char *id)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_./";
	const char *slash = strchr(id, '/');
	bool good = slash && *id != '.' && slash[1] != '.' && slash != id && slash[1] &&
		    !strchr(slash + 1, '/') && strspn(id, letters) == strlen(id) &&
		    strlen(id) < 256;

	if (!good)
		fprintf(stderr, "vitrine: '%s' is not OWNER/NAME\n", id);
	return good;
}

int ask_preview(
	const struct client_options *o, const char *space, const char *branch, char ret[256])
{
	CLEANUP(json_unrefp) json_t *all = NULL;
	const json_t *one;
	size_t i;
	int r = ask(o, "GET", NULL, &all, "/api/spaces/%s/previews", space);

	json_array_foreach(all, i, one) if (!strcmp(ask_text(one, "branch"), branch))
	{
		(void)snprintf(ret, 256, "%s", ask_text(one, "id"));
		return 0;
	}
	if (r == 0)
		fprintf(stderr, "vitrine: branch '%s' of %s has no preview; push it\n", branch,
			space);
	return ASK_FAILED;
}

void ask_print(const json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

const char *ask_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

int ask_base(const struct client_options *o, char ret[512])
{
	CLEANUP(client_freep) struct client *c = client_or_complain(o);
	CLEANUP(json_unrefp) json_t *status = NULL;
	size_t n;

	if (!c)
		return ASK_FAILED;
	if (!*client_url(c) && ask(o, "GET", NULL, &status, "/api/status") != 0)
		return ASK_FAILED;
	(void)snprintf(ret, 512, "%s", status ? ask_text(status, "url") : client_url(c));
	for (n = strlen(ret); n && ret[n - 1] == '/'; n--)
		ret[n - 1] = '\0';
	return 0;
}

bool ask_hidden(const char *what, char *ret, size_t size)
{
	struct termios old, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &old) == 0;
	bool got;

	if (terminal) {
		fprintf(stderr, "%s: ", what);
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	got = fgets(ret, (int)size, stdin) != NULL;
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	if (got)
		ret[strcspn(ret, "\n")] = '\0';
	return got;
}
