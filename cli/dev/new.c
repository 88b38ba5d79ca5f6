/* vitrine new: a Space to begin with, under git, with the way to a platform where one is known. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/host/layout.h"
#include "cli/program.h"
#include "proto/names.h"

#define TEMPLATE_FILE_MAX (16u << 20)
#define DESCRIPTION "short_description:"

/* --- templates --- */

static bool is_template(const char *name)
{
	return space_name_check(name, NULL) == 0;
}

/* The line of front matter that says what a template is. */
static void read_description(const char *templates, const char *name, char ret[128])
{
	char path[LAYOUT_PATH + 128], line[512];
	CLEANUP(fclosep) FILE *f = NULL;

	ret[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/%s/README.md", templates, name);
	f = fopen(path, "re");
	while (f && !ret[0] && fgets(line, sizeof(line), f))
		if (!strncmp(line, DESCRIPTION, strlen(DESCRIPTION))) {
			const char *words = line + strlen(DESCRIPTION);

			words += strspn(words, " \"");
			(void)snprintf(ret, 128, "%.*s", (int)strcspn(words, "\"\r\n"), words);
		}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int only_templates(const struct dirent *d)
{
	return is_template(d->d_name);
}

static int list_templates(FILE *out, const char *templates)
{
	struct dirent **found;
	int n = scandir(templates, &found, only_templates, by_name);

	if (n < 0) {
		fprintf(stderr, "vitrine: %s: %s\n", templates, strerror(errno));
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char words[128];

		read_description(templates, found[i]->d_name, words);
		fprintf(out, "  %-14s %s\n", found[i]->d_name, words);
		free(found[i]);
	}
	free(found);
	return 0;
}

static int only_content(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int copy_file(int from, int to, const char *name, struct err *e)
{
	CLEANUP(buf_done) struct buf bytes;
	CLEANUP(closep) int fd = -1;
	int r;

	buf_init(&bytes, TEMPLATE_FILE_MAX);
	r = fs_read(from, name, &bytes, e);
	if (r < 0)
		return r;
	fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	r = fd < 0 ? -errno : fs_write_all(fd, bytes.data, bytes.len);
	return r < 0 ? err_set(e, r, "cannot write %s: %s", name, strerror(-r)) : 0;
}

static int copy_folder(int from, int to, struct err *e);

static int copy_below(int from, int to, const char *name, struct err *e)
{
	CLEANUP(closep) int below = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int made = -1;

	if (below < 0 && errno == ENOTDIR)
		return copy_file(from, to, name, e);
	if (below < 0 || mkdirat(to, name, 0777) < 0)
		return err_set(e, -errno, "cannot copy %s: %s", name, strerror(errno));
	made = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (made < 0)
		return err_set(e, -errno, "cannot copy %s: %s", name, strerror(errno));
	return copy_folder(below, made, e);
}

static int copy_folder(int from, int to, struct err *e)
{
	int copy = fcntl(from, F_DUPFD_CLOEXEC, 3), r = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!d)
		return err_set(e, -errno, "cannot read the template: %s", strerror(errno));
	while (r == 0 && (entry = readdir(d)))
		if (only_content(entry))
			r = copy_below(from, to, entry->d_name, e);
	(void)closedir(d);
	return r;
}

/* A folder that holds something is somebody's work. */
static int make_folder(const char *dir, struct err *e)
{
	struct dirent **found = NULL;
	int n;

	if (mkdir(dir, 0777) == 0)
		return 0;
	if (errno != EEXIST)
		return err_set(e, -errno, "cannot create %s: %s", dir, strerror(errno));
	n = scandir(dir, &found, only_content, NULL);
	for (int i = 0; i < n; i++)
		free(found[i]);
	free(found);
	if (n < 0)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	return n > 0 ? err_set(e, -EEXIST, "%s: is not empty", dir) : 0;
}

static int copy_template(const char *templates, const char *name, const char *dir, struct err *e)
{
	char path[LAYOUT_PATH + 128];
	CLEANUP(closep) int from = -1;
	CLEANUP(closep) int to = -1;
	int r;

	if (!is_template(name))
		return err_set(
			e, -EINVAL, "--template: there is no '%s'; see vitrine new --list", name);
	(void)snprintf(path, sizeof(path), "%s/%s", templates, name);
	from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0)
		return err_set(
			e, -ENOENT, "--template: there is no '%s'; see vitrine new --list", name);
	r = make_folder(dir, e);
	if (r < 0)
		return r;
	to = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return err_set(e, -errno, "cannot create %s: %s", dir, strerror(errno));
	return copy_folder(from, to, e);
}

/* --- git --- */

static int git(const char *dir, char *const argv[], struct err *e)
{
	CLEANUP(buf_done) struct buf said;
	struct program_plan plan = {.dir = dir, .said = &said};
	int r;

	buf_init(&said, 4096);
	r = program_run(&plan, argv, e);
	if (r > 0)
		return err_set(e, -EIO, "git %s: %s", argv[1],
			said.len ? buf_str(&said) : "it failed without words");
	return r;
}

/* git asks for a name and an address before a first commit; a newcomer has none yet. */
static int introduce(const char *dir, struct err *e)
{
	char *const ask[] = {"git", "config", "user.email", NULL};
	char name[128], email[256], host[64] = "localhost";
	char *const set_name[] = {"git", "config", "user.name", name, NULL};
	char *const set_email[] = {"git", "config", "user.email", email, NULL};
	const struct passwd *user = getpwuid(getuid());
	int r;

	if (getenv("GIT_AUTHOR_EMAIL") || git(dir, ask, NULL) == 0)
		return 0;
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(name, sizeof(name), "%s", user && *user->pw_name ? user->pw_name : "me");
	(void)snprintf(email, sizeof(email), "%s@%s", name, host);
	r = git(dir, set_name, e);
	return r < 0 ? r : git(dir, set_email, e);
}

static int commit(const char *dir, struct err *e)
{
	char *const add[] = {"git", "add", "-A", NULL};
	char *const make_it[] = {"git", "commit", "-q", "-m", "A new Space", NULL};
	int r = introduce(dir, e);

	if (r == 0)
		r = git(dir, add, e);
	return r < 0 ? r : git(dir, make_it, e);
}

/* --- the platform --- */

/* An address with who pushes and the token that git will be asked for. */
static void join_url(
	char ret[1024], const char *base, const char *user, const char *token, const char *name)
{
	const char *host = strstr(base, "://");
	int scheme = host ? (int)(host - base) : 0;

	host = host ? host + 3 : base;
	(void)snprintf(ret, 1024, "%.*s://%s%s%s@%.*s/spaces/%s/%s", scheme ? scheme : 4,
		scheme ? base : "http", user, token ? ":" : "", token ? token : "",
		(int)strcspn(host, "/"), host, user, name);
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* The platform of this machine: its control key is what makes a token. */
static int make_token(
	struct client *c, const char *name, char base[512], char token[128], struct err *e)
{
	CLEANUP(json_unrefp) json_t *status = NULL, *made = NULL;
	CLEANUP(json_unrefp)
	json_t *body = json_pack("{s:o}", "name", json_sprintf("new %s", name));
	int r = client_request(c, "GET", "/api/status", NULL, &status, e);

	if (r == 0)
		r = client_request(c, "POST", "/api/tokens", body, &made, e);
	(void)snprintf(base, 512, "%s", text_at(status, "url"));
	(void)snprintf(token, 128, "%s", text_at(made, "token"));
	return r;
}

/* Adds the remote. -ENOENT: no platform is known, which is fine. */
static int add_remote(const struct client_options *o, const char *dir, const char *name,
	char ret_page[1024], struct err *e)
{
	char base[512] = "", token[128] = "", config[4096], url[1024];
	char *const add[] = {"git", "remote", "add", "origin", url, NULL};
	char *const remote[] = {"git", "config", "branch.main.remote", "origin", NULL};
	char *const merge[] = {"git", "config", "branch.main.merge", "refs/heads/main", NULL};
	CLEANUP(client_freep) struct client *c = NULL;
	CLEANUP(json_unrefp) json_t *who = NULL;
	int r = client_new(o, &c, e);

	if (r == 0)
		r = client_request(c, "GET", "/api/whoami-v2", NULL, &who, e);
	if (r == 0 && *client_url(c)) {
		(void)snprintf(base, sizeof(base), "%s", client_url(c));
		(void)snprintf(token, sizeof(token), "%s", client_token(c));
	} else if (r == 0) {
		r = make_token(c, name, base, token, e);
	}
	if (r < 0)
		return r;
	/* The token lies in it: as private as git's own store of passwords. */
	(void)snprintf(config, sizeof(config), "%s/.git/config", dir);
	if (chmod(config, 0600) < 0)
		return err_set(e, -errno, "%s: %s", config, strerror(errno));
	join_url(url, base, text_at(who, "name"), token, name);
	r = git(dir, add, e);
	if (r == 0)
		r = git(dir, remote, e);
	if (r == 0)
		r = git(dir, merge, e);
	(void)snprintf(ret_page, 1024, "%s/spaces/%s/%s", base, text_at(who, "name"), name);
	return r;
}

/* --- the command --- */

static void print_next(const char *dir, const char *template, const char *page)
{
	printf("made %s from the template %s; next:\n\n"
	       "  vitrine dev %s    shows it, and every change as you save it\n",
		dir, template, dir);
	if (*page)
		printf("  git push, in it      puts it on %s\n", page);
	else
		printf("  git push ADDRESS/spaces/YOU/NAME main, in it\n\n"
		       "No platform was found here; --url and --token name one.\n");
}

static int make(
	const struct client_options *o, const char *template, const char *dir, struct err *e)
{
	char *const init[] = {"git", "init", "-q", "-b", "main", NULL};
	char page[1024] = "", copy[4096];
	struct layout l;
	struct err no_remote = {0};
	const char *name;
	int r;

	if (snprintf(copy, sizeof(copy), "%s", dir) >= (int)sizeof(copy))
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	name = basename(copy);
	layout_init(&l);
	r = space_name_check(name, e);
	if (r == 0)
		r = copy_template(l.templates, template, dir, e);
	if (r == 0)
		r = git(dir, init, e);
	if (r == 0)
		r = commit(dir, e);
	if (r < 0)
		return r;
	r = add_remote(o, dir, name, page, &no_remote);
	if (r < 0 && (o->url || o->data))
		return err_set(e, r, "%s is made, but has no remote: %s", dir, no_remote.text);
	print_next(dir, template, page);
	return 0;
}

int cmd_new(int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"template", required_argument, NULL, 't'}, {"list", no_argument, NULL, 'l'}, {0}};
	struct client_options o = {0};
	const char *template = "hello";
	struct layout l;
	struct err e = {0};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'l') {
			layout_init(&l);
			return list_templates(stdout, l.templates);
		}
		if (opt == 't')
			template = optarg;
		else if (!client_option(&o, opt, optarg))
			return 2;
	}
	if (optind != argc - 1) {
		layout_init(&l);
		fprintf(stderr, "usage: vitrine new [--template NAME] DIR\n\ntemplates:\n");
		(void)list_templates(stderr, l.templates);
		return 2;
	}
	if (make(&o, template, argv[optind], &e) < 0) {
		fprintf(stderr, "vitrine: %s\n", e.text);
		return 1;
	}
	return 0;
}
