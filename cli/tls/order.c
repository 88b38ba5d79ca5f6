#include "cli/tls/order.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/spawn.h"
#include "cli/tls/certs.h"
#include "cli/tls/csr.h"
#include "tls/cert.h"

#define ORDER_SEC 300
#define SAID_MAX (64u << 10)
#define FILE_BYTES_MAX (1u << 20)
#define REQUEST "order.csr"
#define ANSWER "order-cert.pem" /* as uacme calls it then */
#define CLIENT_MAX_ARGS 16

/* As the child finds them. */
#define HOOK_FD "/proc/self/fd/3"
#define ACCOUNT_FD "/proc/self/fd/4"

/* --- what it takes --- */

static int find_client(char ret[64], struct err *e)
{
	static const char *const all[] = {"/usr/local/bin/uacme", "/usr/bin/uacme"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (access(all[i], X_OK) == 0) {
			(void)snprintf(ret, 64, "%s", all[i]);
			return 0;
		}
	return err_set(e, -ENOENT,
		"there is no uacme here, which asks authorities for certificates: apt-get install "
		"uacme");
}

static int open_at(const char *path, int flags, int *ret, struct err *e)
{
	*ret = open(path, flags | O_CLOEXEC);
	return *ret < 0 ? err_set(e, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int open_account(const struct layout *l, int *ret, struct err *e)
{
	char path[LAYOUT_PATH + 32];
	int r;

	(void)snprintf(path, sizeof(path), "%s/acme/account", l->data);
	r = fs_mkdirs(path, 0700, e);
	if (r == 0)
		r = open_at(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, ret, e);
	if (r == 0 && l->root && fchown(*ret, UID_ACME, UID_ACME) < 0)
		r = err_set(e, -errno, "cannot give %s to vitrine-acme: %s", path, strerror(errno));
	return r;
}

int order_prepare(const struct layout *l, struct order_place *ret, struct err *e)
{
	char path[LAYOUT_PATH + 64];
	int r;

	*ret = (struct order_place){
		.account = -1, .challenges = -1, .hook = -1, .limit_sec = ORDER_SEC};
	r = find_client(ret->client, e);
	if (r == 0)
		r = open_account(l, &ret->account, e);
	(void)snprintf(path, sizeof(path), "%s/vitrine-challenge", l->bin);
	if (r == 0)
		r = open_at(path, O_RDONLY, &ret->hook, e);
	(void)snprintf(path, sizeof(path), "%s/run/tls/challenges", l->data);
	if (r == 0)
		r = open_at(path, O_RDONLY | O_DIRECTORY, &ret->challenges, e);
	if (r == -ENOENT && ret->hook >= 0 && ret->challenges < 0)
		(void)err_wrap(e, "the platform has not been started, or under systemd "
				  "systemd-tmpfiles --create not been run since an upgrade");
	if (r < 0)
		order_done(ret);
	return r;
}

void order_done(struct order_place *p)
{
	int *all[] = {&p->account, &p->challenges, &p->hook};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (*all[i] >= 0)
			close(TAKE_FD(*all[i]));
}

/* --- its words --- */

static void keep(const char *from, size_t n, char *ret, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < n && at + 1 < size; i++)
		if (isprint((unsigned char)from[i]) && !(from[i] == '\\' && i + 1 < n))
			ret[at++] = from[i];
	ret[at] = '\0';
}

/* The end of a JSON string that begins at s. */
static size_t string_length(const char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != '"' && s[n] != '\n')
		n += s[n] == '\\' && s[n + 1] ? 2 : 1;
	return n;
}

void order_words(const char *said, char *ret, size_t size)
{
	static const char detail[] = "\"detail\": \"", own[] = "uacme: ";
	const char *at = said, *line = NULL, *next;

	for (next = strstr(said, detail); next; next = strstr(at, detail))
		at = next + sizeof(detail) - 1;
	if (at != said) {
		keep(at, string_length(at), ret, size);
		return;
	}
	for (next = strstr(said, own); next; next = strstr(next + 1, own))
		if (!strstr(next, "waiting") || strstr(next, "waiting") > strchrnul(next, '\n'))
			line = next + sizeof(own) - 1;
	if (!line)
		line = *said ? said : "uacme said nothing";
	keep(line, strcspn(line, "\n"), ret, size);
}

/* --- running it --- */

static int limit_self(void *unused)
{
	const struct rlimit file = {FILE_BYTES_MAX, FILE_BYTES_MAX};

	(void)unused;
	(void)umask(077);
	/* It leads a group, with which whatever it has started ends. */
	if (setpgid(0, 0) < 0)
		return -errno;
	return setrlimit(RLIMIT_FSIZE, &file) < 0 ? -errno : 0;
}

/* Reads until something is to be read or to its end. False: it has ended. */
static bool hear(int fd, struct buf *said)
{
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0)
		(void)buf_add(said, bytes, (size_t)n); /* the rest is left out */
	return n > 0 || (n < 0 && errno == EINTR);
}

/* Hears what it says until it ends (process) or until time is up. False: time is up. */
static bool listen_to(int fd, int process, unsigned int limit_sec, struct buf *said)
{
	uint64_t end = clock_mono_usec() + limit_sec * USEC_PER_SEC;
	struct pollfd p[] = {{.fd = process, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	for (;;) {
		uint64_t now = clock_mono_usec();
		int wait = now < end ? (int)((end - now) / USEC_PER_MSEC) + 1 : 0;
		int n = wait ? poll(p, 2, wait) : 0;

		if (n == 0)
			return false;
		/* Who says no more may well go on. */
		if (n > 0 && p[1].revents && !hear(fd, said))
			p[1].fd = -1;
		else if (n > 0 && !p[1].revents && p[0].revents)
			return true;
	}
}

/* Returns how it ended, as a shell does. */
static int wait_for(pid_t pid, int fd, unsigned int limit_sec, struct buf *said)
{
	CLEANUP(closep) int process = pidfd_open(pid, 0);
	int status = 0;

	if (process < 0 || !listen_to(fd, process, limit_sec, said))
		(void)buf_add_str(said, "\nuacme: no answer in time\n");
	/* Before it is waited for, so that the group is still its own. */
	(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *const passed[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "no_proxy"};

static int run_client(
	const struct order_place *p, const char *const *args, struct buf *said, struct err *e)
{
	char proxies[4][512], *envp[8] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/"};
	char *argv[CLIENT_MAX_ARGS] = {(char *)p->client};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	size_t n_env = 3;
	int status = 0, out[2];
	pid_t pid;

	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (getenv(passed[i]) &&
			snprintf(proxies[i], sizeof(proxies[i]), "%s=%s", passed[i],
				getenv(passed[i])) < (int)sizeof(proxies[i]))
			envp[n_env++] = proxies[i];
	for (size_t i = 0; args[i]; i++)
		argv[i + 1] = (char *)args[i];
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	plan.path = p->client;
	plan.argv = argv;
	plan.envp = envp;
	plan.fds[2] = out[1];
	plan.fds[3] = p->hook;
	plan.fds[4] = p->account;
	plan.fds[5] = p->challenges;
	plan.n_fds = 6;
	plan.death_signal = SIGKILL;
	plan.before_exec = limit_self;
	if (geteuid() == 0)
		plan.uid = plan.gid = UID_ACME;
	pid = spawn_program(&plan, e);
	close(out[1]);
	if (pid > 0)
		status = wait_for(pid, out[0], p->limit_sec, said);
	close(out[0]);
	return pid < 0 ? pid : status;
}

/* What went wrong: whether anybody was there at all. */
static int judge(const struct buf *said, struct err *e)
{
	char words[ACME_WORDS_MAX];
	const char *text = buf_str(said);

	order_words(text, words, sizeof(words));
	log_debug("uacme said: %s", text);
	if (strstr(text, "Consider trying 'new'"))
		return err_set(e, -ENOKEY, "the authority knows no account of ours");
	if (strstr(text, "failed to fetch directory") || strstr(text, "curl_get failed") ||
		strstr(text, "curl_post failed"))
		return err_set(e, -EHOSTUNREACH, "%s", words);
	return err_set(e, -EACCES, "%s", words);
}

int order_account(const struct order_place *p, struct acme *a, struct err *e)
{
	const char *args[CLIENT_MAX_ARGS] = {"-y", "-a", a->directory, "-c", ACCOUNT_FD};
	CLEANUP(buf_done) struct buf said;
	size_t n = 5;
	int r;

	buf_init(&said, SAID_MAX);
	if (!strcmp(a->account, a->directory))
		return 0;
	if (*a->eab) {
		args[n++] = "-e";
		args[n++] = a->eab;
	}
	args[n++] = "new";
	if (*a->contact)
		args[n++] = a->contact;
	r = run_client(p, args, &said, e);
	if (r < 0)
		return r;
	if (r != 0 && !strstr(buf_str(&said), "Account already exists"))
		return judge(&said, e);
	(void)snprintf(a->account, sizeof(a->account), "%s", a->directory);
	return 0;
}

/* The folder is another user's: nothing there is followed, or believed to be small. */
static int write_request(const struct order_place *p, const struct buf *pem, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	int r;

	(void)unlinkat(p->account, REQUEST, 0);
	(void)unlinkat(p->account, ANSWER, 0);
	fd = openat(
		p->account, REQUEST, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : fs_write_all(fd, pem->data, pem->len);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	return r < 0 ? err_set(e, r, "cannot write the request: %s", strerror(-r)) : 0;
}

static int read_answer(const struct order_place *p, struct buf *pem, struct err *e)
{
	CLEANUP(closep)
	int fd = openat(p->account, ANSWER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = fd < 0 ? -errno : fs_read_fd(fd, pem, e);

	(void)unlinkat(p->account, REQUEST, 0);
	(void)unlinkat(p->account, ANSWER, 0);
	return r < 0 ? err_set(e, -EBADMSG, "uacme left no certificate: %s", strerror(-r)) : 0;
}

static int check_host(const struct buf *pem, const char *host, struct err *e)
{
	CLEANUP(cert_freep) struct cert *c = NULL;
	int r = cert_read(pem->data, pem->len, &c, e);

	for (size_t i = 0; r == 0 && i < c->n_names; i++)
		if (!strcmp(c->names[i], host))
			return 0;
	return r < 0 ? r : err_set(e, -EBADMSG, "the certificate is not of %s", host);
}

static int put(
	const struct layout *l, const char *host, EVP_PKEY *key, struct buf *pem, struct err *e)
{
	char name[64];
	int r;

	acme_cert_name(host, name);
	r = buf_add_str(pem, "\n");
	if (r == 0)
		r = csr_write_key(key, pem);
	if (r == 0)
		r = check_host(pem, host, e);
	if (r == 0)
		r = certs_put(l, name, pem->data, pem->len, NULL, e);
	explicit_bzero(pem->data, pem->cap);
	return r;
}

int order_cert(const struct order_place *p, const struct layout *l, const struct acme *a,
	const char *host, struct err *e)
{
	const char *args[CLIENT_MAX_ARGS] = {"-o", "-a", a->directory, "-c", ACCOUNT_FD, "-h",
		HOOK_FD, "issue", ACCOUNT_FD "/" REQUEST};
	CLEANUP(buf_done) struct buf request;
	CLEANUP(buf_done) struct buf said;
	CLEANUP(buf_done) struct buf pem;
	EVP_PKEY *key = NULL;
	int r;

	buf_init(&request, CERT_PEM_MAX);
	buf_init(&said, SAID_MAX);
	buf_init(&pem, CERT_PEM_MAX);
	r = csr_make(host, &key, &request, e);
	if (r == 0)
		r = write_request(p, &request, e);
	if (r == 0)
		r = run_client(p, args, &said, e);
	if (r > 0)
		r = judge(&said, e);
	if (r == 0)
		r = read_answer(p, &pem, e);
	if (r == 0)
		r = put(l, host, key, &pem, e);
	EVP_PKEY_free(key);
	return r < 0 && !e->code ? err_set(e, r, "%s", strerror(-r)) : r;
}
