/* vitrine model: models of one's own, checked by the very program that will run them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/host/layout.h"
#include "cli/program.h"
#include "cli/repo/model_repo.h"

#define PART_MAX 96 /* of a name: owner, or what follows it */
#define SAID_MAX (1u << 20)
#define FILES_MAX 2000 /* of one folder */
#define OWNER_DEFAULT "local"
#define OWNER_SHIPPED "vitrine"

struct place {
	struct layout layout;
	char models[LAYOUT_PATH + 16]; /* the data folder's */
	char checker[LAYOUT_PATH + 32];
};

static int complain(const struct err *e)
{
	fprintf(stderr, "vitrine: %s\n", e->text);
	return 1;
}

/* --- names --- */

static bool is_part(const char *s, size_t n)
{
	return n > 0 && n <= PART_MAX && s[0] != '.' && s[0] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") >= n;
}

static int check_name(const char *name, struct err *e)
{
	const char *slash = strchr(name, '/');

	if (!slash || !is_part(name, (size_t)(slash - name)) ||
		!is_part(slash + 1, strlen(slash + 1)))
		return err_set(e, -EINVAL,
			"'%.200s' is no name of a model: OWNER/NAME of letters, digits, '.', '_' "
			"and '-', at most %d each",
			name, PART_MAX);
	if (!strncmp(name, OWNER_SHIPPED "/", strlen(OWNER_SHIPPED "/")))
		return err_set(e, -EINVAL,
			"'%.200s': the models of '" OWNER_SHIPPED "' come with the platform", name);
	return 0;
}

/* local/NAME for a path that ends in NAME or NAME.gguf. */
static int name_from_path(const char *path, char ret[2 * PART_MAX + 2], struct err *e)
{
	const char *last = strrchr(path, '/');
	size_t n;

	last = last ? last + 1 : path;
	n = strlen(last);
	if (n > 5 && !strcmp(last + n - 5, ".gguf"))
		n -= 5;
	if (!is_part(last, n))
		return err_set(e, -EINVAL,
			"%.200s: no name for the model; give one with "
			"--name OWNER/NAME",
			path);
	(void)snprintf(ret, 2 * PART_MAX + 2, OWNER_DEFAULT "/%.*s", (int)n, last);
	return 0;
}

/* --- copying --- */

static int copy_bytes(int from, int to)
{
	static char bytes[1 << 20];

	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);

		if (n == 0)
			return 0;
		if (n > 0 || errno == EINTR)
			continue;
		break; /* not between these two file systems */
	}
	for (;;) {
		ssize_t n = read(from, bytes, sizeof(bytes));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = fs_write_all(to, bytes, (size_t)n);
		if (r < 0)
			return r;
	}
}

/* path: for words. A link is followed: Hugging Face's cache is made of them. */
static int copy_file(int from_dir, const char *name, int to_dir, struct err *e)
{
	CLEANUP(closep) int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(closep) int to = -1;
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st) < 0)
		return err_set(e, -errno, "%s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s: no regular file", name);
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (to < 0)
		return err_set(e, -errno, "%s: %s", name, strerror(errno));
	r = copy_bytes(from, to);
	if (r == 0 && (fchmod(to, 0644) < 0 || fsync(to) < 0))
		r = -errno;
	return r < 0 ? err_set(e, r, "%s: cannot be copied: %s", name, strerror(-r)) : 0;
}

static int copy_files(int from, int to, struct err *e)
{
	int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0, n = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir)
		return err_set(e, -errno, "%s", strerror(errno));
	for (const struct dirent *d; r == 0 && (d = readdir(dir));) {
		struct stat st;

		if (!model_is_wanted(d->d_name) || fstatat(from, d->d_name, &st, 0) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		r = ++n > FILES_MAX ? err_set(e, -EMSGSIZE, "over %d files", FILES_MAX)
				    : copy_file(from, d->d_name, to, e);
	}
	(void)closedir(dir);
	return r;
}

/* A folder's files; nothing where there is no such folder. */
static int copy_inner(int from, const char *name, int to, struct err *e)
{
	CLEANUP(closep) int inner = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int copy = -1;

	if (inner < 0)
		return 0;
	if (mkdirat(to, name, 0755) < 0)
		return err_set(e, -errno, "%.100s: %s", name, strerror(errno));
	copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return copy < 0 ? err_set(e, -errno, "%.100s: %s", name, strerror(errno))
			: copy_files(inner, copy, e);
}

/* Each folder in "adapters" is one; a file there is none. */
static int copy_adapters(int from, int to, struct err *e)
{
	static const char name[] = "adapters";
	int all = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	CLEANUP(closep) int copy = -1;
	DIR *dir = all < 0 ? NULL : fdopendir(all);

	if (!dir)
		return 0;
	if (mkdirat(to, name, 0755) == 0)
		copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		r = err_set(e, -errno, "%s: %s", name, strerror(errno));
	for (const struct dirent *at; r == 0 && (at = readdir(dir)) != NULL;)
		if (at->d_name[0] != '.')
			r = copy_inner(all, at->d_name, copy, e);
	(void)closedir(dir);
	return r;
}

/* The folder, or the one GGUF file, into the fresh folder at to. */
static int copy_model(const char *source, const char *to, struct err *e)
{
	CLEANUP(closep) int from = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *last = strrchr(source, '/');
	size_t n = strlen(source);
	int r;

	if (dir < 0 || fchmod(dir, 0755) < 0)
		return err_set(e, -errno, "%s: %s", to, strerror(errno));
	if (from >= 0) {
		r = copy_files(from, dir, e);
		if (r == 0)
			r = copy_inner(from, "1_Pooling", dir, e); /* modules.json names it */
		if (r == 0)
			r = copy_adapters(from, dir, e);
		return r < 0 ? err_wrap(e, "%.100s", source) : 0;
	}
	if (errno != ENOTDIR || n < 6 || strcmp(source + n - 5, ".gguf") != 0)
		return err_set(e, errno == ENOTDIR ? -EINVAL : -errno, "%.200s: %s", source,
			errno == ENOTDIR ? "must be a folder or a .gguf file" : strerror(errno));
	if (last) {
		char parent[4096];

		if ((size_t)snprintf(parent, sizeof(parent), "%.*s/", (int)(last - source),
			    source) >= sizeof(parent))
			return err_set(e, -ENAMETOOLONG, "the path is too long");
		from = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return copy_file(last ? from : AT_FDCWD, last ? last + 1 : source, dir, e);
}

/* --- asking the program that runs models --- */

/* Runs it to its end; *ret is the JSON of its last line. -EBADMSG: that line is words. */
static int ask_checker(char *const argv[], json_t **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf said;
	const struct program_plan plan = {.said = &said};
	const char *text, *line;
	size_t n;
	int status;

	buf_init(&said, SAID_MAX);
	status = program_run(&plan, argv, e);
	if (status < 0)
		return status;
	text = buf_str(&said);
	n = said.len;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	line = memrchr(text, '\n', n);
	line = line ? line + 1 : text;
	n -= (size_t)(line - text);
	if (status == 0)
		return json_parse(line, n, SAID_MAX, ret, e);
	return err_set(e, -EBADMSG, "%.*s", (int)n, n ? line : "it ended without a word");
}

/* --- import --- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static double millions(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key)) / 1e6;
}

static int check(struct place *p, const char *folder, json_t **ret, struct err *e)
{
	char path[4096];
	char *const argv[] = {p->checker, "--check", path, NULL};

	(void)snprintf(path, sizeof(path), "%s", folder);
	return ask_checker(argv, ret, e);
}

/* In one step: whoever looks sees the old model, the new one, or none, and never half of one. */
static int put_in_place(
	const struct place *p, const char *fresh, const char *name, bool replace, struct err *e)
{
	char to[LAYOUT_PATH + 2 * PART_MAX + 32];
	CLEANUP(closep) int dir = -1;
	char *slash;
	int r;

	(void)snprintf(to, sizeof(to), "%s/%s", p->models, name);
	slash = strrchr(to, '/');
	*slash = '\0';
	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		return err_set(e, -errno, "%s: %s", to, strerror(errno));
	dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	r = renameat2(AT_FDCWD, fresh, AT_FDCWD, to, RENAME_NOREPLACE);
	if (r < 0 && errno == EEXIST && replace)
		r = renameat2(AT_FDCWD, fresh, AT_FDCWD, to, RENAME_EXCHANGE);
	if (r < 0)
		return errno == EEXIST
			       ? err_set(e, -EEXIST,
					 "there is a model %s already; --replace puts this one in "
					 "its place",
					 name)
			       : err_set(e, -errno, "%s: %s", to, strerror(errno));
	return dir < 0 || fsync(dir) < 0 ? err_set(e, -errno, "%s: %s", to, strerror(errno)) : 0;
}

static int import(
	struct place *p, const char *source, const char *name, bool replace, struct err *e)
{
	CLEANUP(json_unrefp) json_t *found = NULL;
	char fresh[LAYOUT_PATH + 48];
	struct stat st;
	int r;

	(void)snprintf(fresh, sizeof(fresh), "%s/.import-XXXXXX", p->models);
	if (!mkdtemp(fresh))
		return err_set(e, -errno, "%s: %s", p->models, strerror(errno));
	r = copy_model(source, fresh, e);
	if (r == 0)
		r = check(p, fresh, &found, e);
	/* Where the folder holds what was not even copied, pickles above all, it says so. */
	if (r == -EBADMSG && stat(source, &st) == 0 && S_ISDIR(st.st_mode))
		(void)check(p, source, &found, e);
	if (r == 0)
		r = put_in_place(p, fresh, name, replace, e);
	(void)fs_remove_tree(fresh); /* the rest, or the model that was replaced */
	if (r < 0)
		return r;
	printf("%s: %s, %s, %.1f M parameters, %.1f MB of memory\n", name, text_of(found, "task"),
		text_of(found, "architecture"), millions(found, "parameters"),
		millions(found, "memory"));
	if (*text_of(found, "note"))
		printf("it does not chat: %s\n", text_of(found, "note"));
	printf("A running platform offers it within seconds.\n");
	return 0;
}

static int model_import(struct place *p, int argc, char **argv, const char *name, bool replace)
{
	char own[2 * PART_MAX + 2];
	char source[4096];
	struct err e = {0};
	size_t n;
	int r = 0;

	if (argc != 1)
		return 2;
	(void)umask(022); /* inference is another user, and is to read it */
	(void)snprintf(source, sizeof(source), "%s", argv[0]);
	for (n = strlen(source); n > 1 && source[n - 1] == '/'; n--)
		source[n - 1] = '\0';
	if (!name) {
		r = name_from_path(source, own, &e);
		name = own;
	}
	if (r == 0)
		r = check_name(name, &e);
	if (r == 0)
		r = fs_mkdirs(p->models, 0755, &e);
	if (r == 0)
		r = import(p, source, name, replace, &e);
	return r < 0 ? complain(&e) : 0;
}

/* --- list, remove --- */

static void print_row(const json_t *row)
{
	const char *error = text_of(row, "error"), *task = text_of(row, "task");

	if (!*task)
		printf("%-32s %s\n", text_of(row, "id"), error);
	else
		printf("%-32s %-28s %8.1f M %8.1f MB%s%s\n", text_of(row, "id"), task,
			millions(row, "parameters"), millions(row, "bytes"), *error ? "  " : "",
			error);
}

static int model_list(struct place *p, bool json)
{
	CLEANUP(json_unrefp) json_t *list = NULL;
	char served[LAYOUT_PATH + 16];
	char *const argv[] = {p->checker, "--models", p->layout.models, "--models", p->models,
		"--models", served, "--list", NULL};
	struct err e = {0};
	const json_t *row;
	size_t i;

	(void)snprintf(served, sizeof(served), "%s/served", p->layout.data);
	if (ask_checker(argv, &list, &e) < 0)
		return complain(&e);
	if (json)
		return json_dumpf(list, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0;
	json_array_foreach(list, i, row) print_row(row);
	return 0;
}

static int model_remove(const struct place *p, int argc, char **argv)
{
	char from[LAYOUT_PATH + 2 * PART_MAX + 32], to[LAYOUT_PATH + 64];
	struct err e = {0};

	if (argc != 1)
		return 2;
	if (check_name(argv[0], &e) < 0)
		return complain(&e);
	(void)snprintf(from, sizeof(from), "%s/%s", p->models, argv[0]);
	(void)snprintf(to, sizeof(to), "%s/.removed-%d", p->models, getpid());
	if (rename(from, to) < 0) {
		if (errno == ENOENT)
			(void)err_set(
				&e, -ENOENT, "there is no model %s in %s", argv[0], p->models);
		else
			(void)err_set(&e, -errno, "%s: %s", from, strerror(errno));
		return complain(&e);
	}
	(void)fs_remove_tree(to);
	*strrchr(from, '/') = '\0';
	(void)rmdir(from); /* the owner's last one */
	printf("removed\n");
	return 0;
}

static void find_place(struct place *p, const char *data)
{
	layout_init(&p->layout);
	if (data)
		(void)snprintf(p->layout.data, sizeof(p->layout.data), "%s", data);
	(void)snprintf(p->models, sizeof(p->models), "%s/models", p->layout.data);
	(void)snprintf(p->checker, sizeof(p->checker), "%s/vitrine-inference", p->layout.bin);
}

/* Into a repo: read by the program that will run it first, where that is here. */
static int model_push(struct place *p, int argc, char **argv, struct model_repo_plan *plan)
{
	CLEANUP(json_unrefp) json_t *found = NULL;
	struct err e = {0};
	struct stat st;

	if (argc != 1)
		return 2;
	plan->source = argv[0];
	if (!ask_repo_id(plan->id))
		return 2;
	if (access(p->checker, X_OK) == 0 && stat(argv[0], &st) == 0 && S_ISDIR(st.st_mode) &&
		check(p, argv[0], &found, &e) < 0)
		return complain(&e);
	return model_to_repo(plan);
}

struct asked {
	struct model_repo_plan repo; /* id NULL: into the data folder */
	const char *name;
	bool replace, json;
};

static bool parse(struct asked *a, int argc, char **argv)
{
	static const struct option known[] = {CLIENT_OPTIONS,
		{"name", required_argument, NULL, 'n'}, {"replace", no_argument, NULL, 'r'},
		{"repo", required_argument, NULL, 'o'}, {"private", no_argument, NULL, 'p'},
		{"json", no_argument, NULL, 'j'}, {0}};
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'n')
			a->name = optarg;
		else if (opt == 'o')
			a->repo.id = optarg;
		else if (opt == 'r')
			a->replace = true;
		else if (opt == 'p')
			a->repo.private = true;
		else if (opt == 'j')
			a->json = true;
		else if (!client_option(&a->repo.client, opt, optarg))
			return false;
	}
	return !a->repo.id || (!a->name && !a->replace);
}

static int run(struct place *p, struct asked *a, int argc, char **argv)
{
	const char *verb = argc > 0 ? argv[0] : "";

	if (!strcmp(verb, "import") && a->repo.id)
		return model_push(p, argc - 1, argv + 1, &a->repo);
	if (!strcmp(verb, "import"))
		return model_import(p, argc - 1, argv + 1, a->name, a->replace);
	if (!strcmp(verb, "list") && argc == 1)
		return model_list(p, a->json);
	return !strcmp(verb, "remove") ? model_remove(p, argc - 1, argv + 1) : 2;
}

int cmd_model(int argc, char **argv)
{
	struct asked a = {.name = NULL};
	struct place p;
	int status = 2;

	if (parse(&a, argc, argv)) {
		find_place(&p, a.repo.client.data);
		status = run(&p, &a, argc - optind, argv + optind);
	}
	if (status == 2)
		fprintf(stderr, "usage: vitrine model import [--name OWNER/NAME] [--replace] "
				"FOLDER|FILE.gguf\n"
				"       vitrine model import --repo OWNER/NAME [--private] "
				"FOLDER|FILE.gguf\n"
				"       vitrine model list [--json]\n"
				"       vitrine model remove OWNER/NAME\n");
	return status;
}
