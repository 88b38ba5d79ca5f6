/* vitrine tls: certificates for the platform of this machine. What runs takes them at once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/host/layout.h"
#include "cli/tls/acme.h"
#include "cli/tls/ca.h"
#include "cli/tls/certs.h"
#include "cli/tls/renew.h"
#include "tls/cert.h"

struct call {
	struct layout layout;
	struct ca_names names;
	struct acme acme; /* what is asked of an authority */
	const char *name;
	bool now;
};

static int complain(const struct err *e)
{
	fprintf(stderr, "vitrine: %s\n", e->text);
	return 1;
}

/* Certificates of an authority that nobody ordered are removed by their names. */
static int check_install(struct call *c, struct err *e)
{
	CLEANUP(freep) struct acme *a = NULL;

	if (!c->name || strncmp(c->name, ACME_PREFIX, strlen(ACME_PREFIX)) != 0)
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, -ENOMEM, "out of memory");
	if (acme_load(&c->layout, a, e) == 0 && acme_has_cert(a, c->name))
		return 0;
	return err_set(e, -EINVAL,
		"--name %.64s: names with " ACME_PREFIX " are those of vitrine tls acme; take "
		"another one",
		c->name);
}

static int install(struct call *c, int argc, char **argv, struct err *e)
{
	char host[CERT_NAME_MAX];
	int r;

	if (argc < 1 || argc > 2)
		return err_set(e, -E2BIG,
			"takes the file of a certificate and that of its key, or one with both");
	r = check_install(c, e);
	if (r < 0)
		return r;
	r = certs_put_files(
		&c->layout, c->name ? c->name : "host", argv[0], argv[argc - 1], host, e);
	if (r == 0)
		printf("%s.pem is served to whoever asks for %s\n", c->name ? c->name : "host",
			host);
	return r;
}

static int remove_one(struct call *c, int argc, char **argv, struct err *e)
{
	int r = argc == 1 ? certs_check_name(argv[0], e)
			  : err_set(e, -E2BIG, "takes one name, as vitrine tls list has it");

	return r == 0 ? certs_remove(&c->layout, argv[0], e) : r;
}

static void print_one(const char *dir, const char *file)
{
	CLEANUP(cert_freep) struct cert *c = NULL;
	CLEANUP(buf_done) struct buf pem;
	char path[LAYOUT_PATH + 320], day[32] = "?";
	struct err e = {0};
	struct tm tm;
	time_t end;

	buf_init(&pem, CERT_PEM_MAX);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (fs_read(AT_FDCWD, path, &pem, &e) < 0 || cert_read(pem.data, pem.len, &c, &e) < 0) {
		printf("%-20.*s %s\n", (int)strlen(file) - 4, file, e.text);
		return;
	}
	end = (time_t)c->not_after_sec;
	if (gmtime_r(&end, &tm))
		(void)strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	printf("%-20.*s until %s  ", (int)strlen(file) - 4, file, day);
	for (size_t i = 0; i < c->n_names; i++)
		printf("%s%s", i ? " " : "", c->names[i]);
	printf("\n");
}

static int is_pem(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 4 && !strcmp(d->d_name + n - 4, ".pem");
}

static int list(struct call *c, int argc, char **argv, struct err *e)
{
	char dir[LAYOUT_PATH + 32];
	struct dirent **files;
	int n;

	(void)argv;
	if (argc > 0)
		return err_set(e, -E2BIG, "list takes no name");
	certs_dir(&c->layout, dir);
	n = scandir(dir, &files, is_pem, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : err_set(e, -errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		print_one(dir, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	return 0;
}

static int make_ca(struct call *c, int argc, char **argv, struct err *e)
{
	char path[LAYOUT_PATH + 32];
	int r = 0;

	for (int i = 0; r == 0 && i < argc; i++)
		r = ca_names_add(&c->names, argv[i], e);
	if (r == 0)
		r = ca_names_add_own(&c->names, e);
	if (r == 0)
		r = ca_prepare(&c->layout, path, e);
	if (r == 0)
		r = ca_issue(&c->layout, &c->names, e);
	if (r < 0)
		return r;
	printf("The platform has a certificate for");
	for (size_t i = 0; i < c->names.n; i++)
		printf(" %s", c->names.of[i]);
	printf(".\nIt is of an authority of your own. Those who are to trust it need its "
	       "certificate:\n"
	       "  %s\n"
	       "On Debian: copy it to /usr/local/share/ca-certificates/vitrine.crt, then\n"
	       "update-ca-certificates. In a browser: Settings, Certificates, Authorities, "
	       "Import.\n"
	       "For git alone: git config --global http.sslCAInfo FILE.\n"
	       "Its key lies beside it, for this user only: keep it to yourself.\n",
		path);
	return 0;
}

static int renew(struct call *c, int argc, char **argv, struct err *e)
{
	int r;

	(void)argv;
	if (argc > 0)
		return err_set(e, -E2BIG, "renew takes no name; vitrine tls acme says for which");
	r = renew_all(&c->layout, c->now, e);
	return r > 0 ? err_set(e, -EAGAIN, "%d host%s without the certificate to be had", r,
			       r == 1 ? " is" : "s are")
		     : r;
}

/* Somebody who comes by https before there is any is to find more than a closed door. */
static int serve_meanwhile(struct call *c, struct err *e)
{
	char path[LAYOUT_PATH + 32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->acme.n && c->names.n < CA_NAMES_MAX; i++)
		r = ca_names_add(&c->names, c->acme.hosts[i].name, e);
	if (r == 0)
		r = ca_prepare(&c->layout, path, e);
	return r == 0 ? ca_issue(&c->layout, &c->names, e) : r;
}

static int want_acme(struct call *c, int argc, char **argv, struct err *e)
{
	int r = 0;

	if (argc == 0)
		return err_set(e, -E2BIG, "acme takes the names of hosts, like demo.example.org");
	for (int i = 0; r == 0 && i < argc; i++)
		r = acme_add(&c->acme, argv[i], false, e);
	if (r == 0)
		r = acme_want(&c->layout, &c->acme, e);
	if (r == 0 && !certs_any(&c->layout))
		r = serve_meanwhile(c, e);
	c->now = true;
	if (r == 0)
		r = renew(c, 0, NULL, e);
	if (r < 0)
		return r;
	printf("The platform has what was asked for. vitrine-acme.timer renews it: systemctl "
	       "enable "
	       "--now vitrine-acme.timer\n");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct call *c, int argc, char **argv, struct err *e);
} calls[] = {{"acme", want_acme}, {"ca", make_ca}, {"install", install}, {"list", list},
	{"remove", remove_one}, {"renew", renew}};

static int parse(struct call *c, int argc, char **argv, struct err *e)
{
	static const struct option known[] = {{"data", required_argument, NULL, 'd'},
		{"name", required_argument, NULL, 'n'}, {"now", no_argument, NULL, 'N'},
		{"directory", required_argument, NULL, 'D'},
		{"contact", required_argument, NULL, 'C'}, {"eab", required_argument, NULL, 'E'},
		{0}};
	int o, r = 0;

	while (r == 0 && (o = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (o == 'n')
			c->name = optarg;
		else if (o == 'N')
			c->now = true;
		else if (o == 'D')
			r = acme_set_directory(&c->acme, optarg, e);
		else if (o == 'C')
			r = acme_set_contact(&c->acme, optarg, e);
		else if (o == 'E')
			r = acme_set_eab(&c->acme, optarg, e);
		else if (o != 'd' ||
			 snprintf(c->layout.data, LAYOUT_PATH, "%s", optarg) >= LAYOUT_PATH)
			return err_set(e, -E2BIG, "see vitrine help tls");
	}
	return r;
}

int cmd_tls(int argc, char **argv)
{
	static struct call c;
	struct err e = {0};
	int r;

	log_init("acme");
	layout_init(&c.layout);
	if (parse(&c, argc, argv, &e) < 0) {
		(void)complain(&e);
		return 2;
	}
	for (size_t i = 0; optind < argc && i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(argv[optind], calls[i].name) != 0)
			continue;
		r = calls[i].run(&c, argc - optind - 1, argv + optind + 1, &e);
		if (r < 0)
			(void)complain(&e);
		return r == 0 ? 0 : (r == -E2BIG ? 2 : 1);
	}
	fprintf(stderr,
		"vitrine: acme, ca, install, list, remove or renew; see vitrine help tls\n");
	return 2;
}
