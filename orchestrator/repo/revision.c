#include "orchestrator/repo/revision.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "orchestrator/repo/library.h"

#define SEGMENTS_MAX 32           /* of a name */
#define TAGS_MAX 8                /* a tag of a tag of a tag … */
#define TAG_OBJECT_MAX (1u << 20) /* bytes */
#define HEX_MIN 7

/* --- one name --- */

/* From a tag to the commit it stands for, if it does. */
static int peel(git_repository *repo, git_odb *odb, git_oid oid, char ret[41])
{
	for (int i = 0; i < TAGS_MAX; i++) {
		git_object_t type;
		git_tag *tag = NULL;
		size_t size;

		if (git_odb_read_header(&size, &type, odb, &oid) < 0)
			return -ENOENT;
		if (type == GIT_OBJECT_COMMIT) {
			(void)git_oid_tostr(ret, 41, &oid);
			return 0;
		}
		if (type != GIT_OBJECT_TAG || size > TAG_OBJECT_MAX ||
			git_tag_lookup(&tag, repo, &oid) < 0)
			return -ENOENT;
		oid = *git_tag_target_id(tag);
		git_tag_free(tag);
	}
	return -ENOENT;
}

static int find_ref(git_repository *repo, git_odb *odb, const char *ref, struct revision *ret)
{
	git_oid oid;

	if (!git_reference_is_valid_name(ref) ||
		!strncmp(ref, REVISION_HIDDEN, strlen(REVISION_HIDDEN)) ||
		git_reference_name_to_id(&oid, repo, ref) < 0 ||
		peel(repo, odb, oid, ret->commit) < 0)
		return -ENOENT;
	(void)snprintf(ret->ref, sizeof(ret->ref), "%s", ref);
	return 0;
}

/* HEAD is a name that points to another, which need not be there yet. */
static int find_default(git_repository *repo, git_odb *odb, struct revision *ret)
{
	git_reference *head = NULL;
	int r = -ENOENT;

	if (git_reference_lookup(&head, repo, "HEAD") < 0)
		return -ENOENT;
	if (git_reference_type(head) == GIT_REFERENCE_SYMBOLIC)
		r = find_ref(repo, odb, git_reference_symbolic_target(head), ret);
	git_reference_free(head);
	return r;
}

static int find_id(git_odb *odb, const char *name, struct revision *ret)
{
	size_t n = strlen(name), size;
	git_oid start, oid;
	git_object_t type;

	if (n < HEX_MIN || n > 40 || strspn(name, "0123456789abcdef") != n)
		return -ENOENT;
	if (git_oid_fromstrn(&start, name, n) < 0 ||
		git_odb_exists_prefix(&oid, odb, &start, n) < 0 ||
		git_odb_read_header(&size, &type, odb, &oid) < 0 || type != GIT_OBJECT_COMMIT)
		return -ENOENT;
	(void)git_oid_tostr(ret->commit, sizeof(ret->commit), &oid);
	return 0;
}

static int find(git_repository *repo, git_odb *odb, const char *name, struct revision *ret)
{
	static const char *const folders[] = {"refs/heads/", "refs/tags/", ""};
	int r = -ENOENT;

	*ret = (struct revision){0};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	if (!strcmp(name, "HEAD"))
		return find_default(repo, odb, ret);
	for (size_t i = 0; r < 0 && i < sizeof(folders) / sizeof(folders[0]); i++) {
		char ref[sizeof(ret->ref)];

		if (!*folders[i] && strncmp(name, "refs/", 5) != 0)
			continue;
		(void)snprintf(ref, sizeof(ref), "%s%s", folders[i], name);
		r = find_ref(repo, odb, ref, ret);
	}
	return r < 0 ? find_id(odb, name, ret) : 0;
}

static int open_objects(git_repository *repo, git_odb **ret, struct err *e)
{
	return git_repository_odb(ret, repo) < 0
		       ? err_set(e, -EIO, "cannot open the repository: %s", library_words())
		       : 0;
}

static int no_revision(const char *name, struct err *e)
{
	return err_set(e, -ENOENT, "there is no revision '%.100s'", name);
}

int revision_find(git_repository *repo, const char *name, struct revision *ret, struct err *e)
{
	git_odb *odb;
	int r;

	if (!*name || *name == '-' || strlen(name) > REVISION_MAX)
		return no_revision(name, e);
	r = open_objects(repo, &odb, e);
	if (r < 0)
		return r;
	r = find(repo, odb, name, ret);
	git_odb_free(odb);
	return r < 0 ? no_revision(name, e) : 0;
}

/* --- a URL --- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends n bytes decoded to at's string. -EINVAL: no encoding, a NUL, or over max. */
static int decode(const char *from, size_t n, char *at, size_t max)
{
	size_t len = strlen(at);

	for (size_t i = 0; i < n; i++) {
		char c = from[i];

		if (c == '%') {
			int high = i + 2 < n ? digit(from[i + 1]) : -1;
			int low = high >= 0 ? digit(from[i + 2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (len + 1 >= max)
			return -EINVAL;
		at[len++] = c;
	}
	at[len] = '\0';
	return 0;
}

int revision_path_check(const char *path, struct err *e)
{
	const char *part = path;

	if (strlen(path) >= REVISION_PATH_MAX)
		return err_set(
			e, -EINVAL, "path: over the limit of %d bytes", REVISION_PATH_MAX - 1);
	while (*path) {
		size_t n = strcspn(part, "/");

		if (n == 0 || (n == 1 && *part == '.') || (n == 2 && !memcmp(part, "..", 2)) ||
			memchr(part, '\\', n))
			return err_set(e, -EINVAL, "path: '%.100s' cannot be in a repo", path);
		if (!part[n])
			break;
		part += n + 1;
	}
	return 0;
}

static int take_path(const char *rest, char ret[REVISION_PATH_MAX], struct err *e)
{
	size_t n;

	ret[0] = '\0';
	if (decode(rest, strlen(rest), ret, REVISION_PATH_MAX) < 0)
		return err_set(e, -EINVAL, "path: is not percent-encoded, or over %d bytes",
			REVISION_PATH_MAX - 1);
	n = strlen(ret);
	if (n && ret[n - 1] == '/')
		ret[n - 1] = '\0';
	return revision_path_check(ret, e);
}

/* Tries one segment, then two … Returns what follows the name, or NULL. */
static const char *find_longer(
	git_repository *repo, git_odb *odb, const char *rest, struct revision *ret)
{
	char name[REVISION_MAX + 1] = "";

	for (int i = 0; i < SEGMENTS_MAX && *rest && *rest != '/'; i++) {
		size_t n = strcspn(rest, "/");

		if ((i && decode("/", 1, name, sizeof(name)) < 0) ||
			decode(rest, n, name, sizeof(name)) < 0 || *name == '-')
			return NULL;
		rest += n;
		if (find(repo, odb, name, ret) == 0)
			return *rest ? rest + 1 : rest;
		if (*rest)
			rest++;
	}
	return NULL;
}

int revision_split(git_repository *repo, const char *rest, struct revision *ret,
	char ret_path[REVISION_PATH_MAX], struct err *e)
{
	const char *path;
	git_odb *odb;
	int r = open_objects(repo, &odb, e);

	if (r < 0)
		return r;
	path = find_longer(repo, odb, rest, ret);
	git_odb_free(odb);
	if (!path) {
		char name[REVISION_MAX + 1] = "";

		(void)decode(rest, strcspn(rest, "/"), name, sizeof(name));
		return no_revision(name, e);
	}
	return take_path(path, ret_path, e);
}
