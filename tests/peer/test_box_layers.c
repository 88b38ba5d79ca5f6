/*
 * What each layer of a box is good for: left out, it changes exactly the lines that
 * tests/peer/layers.txt names. Once from the full recipe, where the filters hide most of the
 * others, and once from the recipe without its two filters ("bare"). A layer that changes no line
 * of either is not there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/steps/landlock.h"
#include "sandbox/steps/lockdown.h"
#include "tests/peer/leave_out.h"
#include "tests/peer/picture.h"
#include "tests/support/test.h"

#define GOLDEN "tests/peer/layers.txt"
#define ENTRIES_MAX 2048
#define NOTHING "nothing" /* in place of a layer: the line of the base itself */
#define FILTERS "start_filter,sealed_filter"
#define LANDLOCK_WITH_SCOPES 6

static const char *const layers[LAYERS] = {
#define LAYER(name, doc) #name,
#include "tests/peer/layers.def"
};

enum base { FULL, BARE };

static const struct {
	const char *name, *without;
} bases[] = {[FULL] = {"full", ""}, [BARE] = {"bare", FILTERS}};

/* --- the expectation --- */

struct entry {
	char base[8], left_out[24], mode[8], line[40];
	char before[OUTCOME_MAX], after[OUTCOME_MAX]; /* of a base itself: its outcome, and "-" */
};

static struct entry entries[ENTRIES_MAX];
static size_t n_entries;
static size_t shown[LAYERS]; /* changes that were expected and seen */

static void read_golden(void)
{
	FILE *f = fopen(GOLDEN, "re");
	char text[256];

	CHECK(f != NULL);
	while (fgets(text, sizeof(text), f)) {
		struct entry *e = &entries[n_entries];

		if (text[0] == '#' || text[0] == '\n')
			continue;
		CHECK(n_entries < ENTRIES_MAX);
		CHECK(sscanf(text, "%7s %23s %7s %39s %31s %31s", e->base, e->left_out, e->mode,
			      e->line, e->before, e->after) == 6);
		n_entries++;
	}
	(void)fclose(f);
}

/* One comparison: a base in a mode, with one layer left out or with nothing. */
struct round {
	enum base base;
	const char *left_out;
	const char *mode; /* "root", "user" */
};

static bool belongs(const struct entry *e, const struct round *r)
{
	return strcmp(e->base, bases[r->base].name) == 0 && strcmp(e->left_out, r->left_out) == 0 &&
	       (strcmp(e->mode, r->mode) == 0 || strcmp(e->mode, "both") == 0);
}

static const struct entry *find_entry(const struct round *r, const char *line)
{
	for (size_t i = 0; i < n_entries; i++)
		if (belongs(&entries[i], r) && strcmp(entries[i].line, line) == 0)
			return &entries[i];
	return NULL;
}

/* --- kernels that lack something --- */

static const char *foreign[PICTURE_LINES_MAX]; /* lines of bare that cannot be compared here */
static size_t n_foreign;

/* A kernel without the call, the family or the option says so; another one has it. */
static bool is_lacking(const char *outcome)
{
	static const char *const words[] = {"ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT",
		"ESOCKTNOSUPPORT", "EOPNOTSUPP", "ENOPROTOOPT"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], outcome) == 0)
			return true;
	return false;
}

static bool is_foreign(const struct round *r, const char *line)
{
	for (size_t i = 0; r->base == BARE && i < n_foreign; i++)
		if (strcmp(foreign[i], line) == 0)
			return true;
	return false;
}

/* --- comparing --- */

static size_t complain(const struct round *r, const char *line, const char *before,
	const char *after, const struct entry *e)
{
	fprintf(stderr, "%s %s %s %s %s %s\t# " GOLDEN " says: %s %s\n", bases[r->base].name,
		r->left_out, r->mode, line, before, after, e ? e->before : "no",
		e ? e->after : "change");
	return 1;
}

static size_t check_change(
	const struct round *r, const char *line, const char *before, const char *after)
{
	const struct entry *e = find_entry(r, line);

	if (e && strcmp(e->before, before) == 0 && strcmp(e->after, after) == 0)
		return 0;
	return complain(r, line, before, after, e);
}

/* A line that this picture need not have. */
static bool is_of_host(const struct entry *e)
{
	return !picture_has_host_lines() && strncmp(e->line, "host.", 5) == 0;
}

/* What the golden file expects of this round and the picture does not show as a change. */
static size_t check_missing(
	const struct round *r, const struct picture *with, const struct picture *without)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n_entries; i++) {
		const struct entry *e = &entries[i];
		const char *before = picture_find(with, e->line);
		const char *after = picture_find(without, e->line);

		if (!belongs(e, r) || is_foreign(r, e->line))
			continue;
		if (!before && is_of_host(e))
			continue;
		if (!before || !after || strcmp(before, after) == 0)
			wrong += complain(r, e->line, "no", "change", e);
	}
	return wrong;
}

static size_t compare(
	const struct round *r, const struct picture *with, const struct picture *without, int layer)
{
	size_t wrong = 0;

	for (size_t i = 0; i < without->n; i++) {
		const struct line *l = &without->lines[i];
		const char *before = picture_find(with, l->name);

		CHECK(before != NULL);
		if (strcmp(before, l->outcome) == 0 || is_foreign(r, l->name))
			continue;
		wrong += check_change(r, l->name, before, l->outcome);
		shown[layer]++;
	}
	return wrong + check_missing(r, with, without);
}

/* The base itself. Of the full recipe, the attacks are test_box_attacks' to check. */
static size_t check_base(const struct round *r, const struct picture *p)
{
	size_t wrong = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct line *l = &p->lines[i];
		const struct entry *e = find_entry(r, l->name);

		if (r->base == FULL && picture_is_attack(l))
			continue;
		if (r->base == BARE && e && strcmp(e->before, l->outcome) != 0 &&
			(is_lacking(e->before) || is_lacking(l->outcome))) {
			fprintf(stderr, "not compared: %s is %s, on another kernel %s\n", l->name,
				l->outcome, e->before);
			foreign[n_foreign++] = l->name;
			continue;
		}
		wrong += check_change(r, l->name, l->outcome, "-");
	}
	for (size_t i = 0; i < n_entries; i++)
		if (belongs(&entries[i], r) && !picture_find(p, entries[i].line) &&
			!is_of_host(&entries[i]))
			wrong += complain(r, entries[i].line, "no", "line", &entries[i]);
	return wrong;
}

/* Whether the kernel has what the lines of "bare" were taken with. */
static bool has_bare_lines(void)
{
	if (landlock_abi() >= LANDLOCK_WITH_SCOPES && lockdown_has_mdwe())
		return true;
	fprintf(stderr,
		"SKIPPED: the lines of \"bare\" take Landlock ABI 6 and MDWE; "
		"this kernel has ABI %d, %s\n",
		landlock_abi(), lockdown_has_mdwe() ? "and MDWE" : "and no MDWE");
	return false;
}

static size_t leave_out_each(enum base base, uid_t uid)
{
	static struct picture with, without;
	struct round r = {.base = base, .left_out = NOTHING, .mode = uid == 0 ? "root" : "user"};
	size_t wrong;

	n_foreign = 0;
	picture_take(&with, uid, bases[base].without, false);
	wrong = check_base(&r, &with);
	for (int layer = 0; layer < LAYERS; layer++) {
		bool is_filter = strstr(FILTERS, layers[layer]) != NULL;
		char list[128];

		if (base == BARE && is_filter)
			continue;
		r.left_out = layers[layer];
		(void)snprintf(list, sizeof(list), "%s,%s", layers[layer], bases[base].without);
		picture_take(&without, uid, list, base == FULL && !is_filter);
		wrong += compare(&r, &with, &without, layer);
	}
	return wrong;
}

/* --- what a box without a namespace would reach --- */

static int host_socket = -1, host_memory = -1;

static void make_reachable_things(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(
		a.sun_path + 1, sizeof(a.sun_path) - 1, PICTURE_HOST_SOCKET, picture_mark());

	host_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(host_socket >= 0);
	CHECK(bind(host_socket, (struct sockaddr *)&a,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0);
	CHECK(listen(host_socket, 1) == 0);
	host_memory = shmget(PICTURE_HOST_KEY(picture_mark()), 4096, IPC_CREAT | 0666);
	CHECK(host_memory >= 0);
}

static void remove_reachable_things(void)
{
	close(host_socket);
	(void)shmctl(host_memory, IPC_RMID, NULL);
}

static void need_boxes(void)
{
	struct boxd b;

	boxd_start(&b, boxd_plain_uid());
	boxd_stop(&b);
}

TEST(each_layer_left_out_changes_exactly_its_lines)
{
	bool bare = has_bare_lines();
	size_t wrong = 0;

	need_boxes();
	read_golden();
	make_reachable_things();
	(void)atexit(remove_reachable_things); /* also when a check fails */
	for (int by_user = geteuid() != 0; by_user <= 1; by_user++) {
		uid_t uid = by_user ? boxd_plain_uid() : 0;

		wrong += leave_out_each(FULL, uid);
		if (bare)
			wrong += leave_out_each(BARE, uid);
	}
	CHECK(wrong == 0);
	for (int layer = 0; layer < LAYERS; layer++) {
		if (shown[layer] == 0)
			fprintf(stderr, "%s: no line shows the layer %s\n",
				geteuid() == 0 && bare ? "WRONG" : "SKIPPED", layers[layer]);
		CHECK(shown[layer] > 0 || geteuid() != 0 || !bare);
	}
}

TEST_MAIN()
