/*
 * vitrine up: the supervisor.
 *
 * I hold: the listening sockets, the data folder's lock, every service's life.
 * Talks to me: signals, and my own children's ends.
 * I never see: a request, a tenant's byte, a secret but the first password I print.
 * I give up after start: nothing; as root I must stay able to start services again.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/net_block.h"
#include "cli/command.h"
#include "cli/host/layout.h"
#include "cli/host/supervisor.h"
#include "cli/tls/front.h"
#include "cli/tls/renewer.h"

#define READY_POLL_USEC (20 * USEC_PER_MSEC)
#define READY_WARN_USEC (15 * USEC_PER_SEC)
#define UPLOADS_MIB_MAX (1ul << 30)

struct up {
	struct layout layout;
	const char *listen, *port, *token_file;
	struct box_classes classes;
	struct box_pool pool;
	const char *disk_warn, *disk_reserve;
	const char *log_limits;  /* as the orchestrator takes them */
	const char *data_limits; /* likewise */
	const char *model_memory;
	const char *devices[DEVICES_MAX]; /* as inference takes them; NULL: the end */
	const char *quota, *large_files, *sign_up, *repo_size; /* likewise */
	const char *spaces_domain;
	bool custom_domains;
	bool dense, local_metrics, open_models;
	const char *proxy;
	unsigned long upload_mib, files_mib; /* 0: the gateway's own */
	struct space_limits limits;
	struct fetch_policy fetch;
	struct front front;
	char url[FRONT_HOST_MAX + 32]; /* for visitors */
	char local[128];               /* the same platform from here, without TLS */
	struct loop *loop;
	struct supervisor *supervisor;
	struct source *poll;     /* timer */
	struct source *look;     /* timer: certificates that have changed */
	struct renewer *renewer; /* owned; those of an authority; NULL: there are none */
	uint64_t started_usec;
	bool warned;
	int token_read; /* our end of the pipe that the token comes through; -1: none */
};

/* --- the public port --- */

static int bind_one(const struct addrinfo *a)
{
	CLEANUP(closep)
	int fd =
		socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	int one = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1024) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static unsigned int port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char port[16];

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0 ||
		getnameinfo(
			(struct sockaddr *)&a, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV))
		return 0;
	return (unsigned int)strtoul(port, NULL, 10);
}

/* Returns how many sockets it has bound, at most 4. */
static int listen_at(const struct up *u, const char *port, int ret_fds[4], struct err *e)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	int r = getaddrinfo(u->listen, port, &hints, &found), n = 0;

	if (r != 0)
		return err_set(
			e, -EINVAL, "--listen %s, port %s: %s", u->listen, port, gai_strerror(r));
	for (const struct addrinfo *a = found; a && n < 4; a = a->ai_next) {
		r = bind_one(a);
		if (r >= 0)
			ret_fds[n++] = r;
	}
	freeaddrinfo(found);
	if (n == 0)
		return err_set(
			e, r, "cannot listen on %s port %s: %s", u->listen, port, strerror(-r));
	return n;
}

static const char *own_address(const struct up *u)
{
	return !strcmp(u->listen, "0.0.0.0") || !strcmp(u->listen, "::") ? "127.0.0.1" : u->listen;
}

static int open_tls_port(struct up *u, struct supervisor_config *config, struct err *e)
{
	const char *port =
		u->front.port ? u->front.port : (strcmp(u->port, "80") == 0 ? "443" : "8443");
	char host[FRONT_HOST_MAX];
	int r = strcmp(own_address(u), u->listen) == 0 ? ca_names_add(&u->front.names, u->listen, e)
						       : 0;

	if (r == 0 && u->spaces_domain) {
		char all[FRONT_HOST_MAX + 2];

		(void)snprintf(all, sizeof(all), "*.%.253s", u->spaces_domain);
		r = ca_names_add(&u->front.names, all, e);
	}
	if (r == 0)
		r = front_prepare(&u->front, &u->layout, host, e);

	if (r == 0)
		r = listen_at(u, port, config->tls_fds, e);
	if (r < 0)
		return r;
	config->n_tls = (size_t)r;
	config->https_port = port_of(config->tls_fds[0]);
	if (!host[0] || host[0] == '*')
		(void)snprintf(host, sizeof(host), "%s", own_address(u));
	(void)snprintf(u->url, sizeof(u->url), "https://%s", host);
	if (config->https_port != 443)
		(void)snprintf(u->url + strlen(u->url), 8, ":%u", config->https_port);
	return 0;
}

static int open_port(struct up *u, struct supervisor_config *config, struct err *e)
{
	int r = listen_at(u, u->port, config->public_fds, e);

	if (r < 0)
		return r;
	config->n_public = (size_t)r;
	(void)snprintf(u->local, sizeof(u->local), "http://%s:%u", own_address(u),
		port_of(config->public_fds[0]));
	(void)snprintf(u->url, sizeof(u->url), "%s", u->local);
	config->url = u->url;
	return front_wanted(&u->front) ? open_tls_port(u, config, e) : 0;
}

/* --- readiness --- */

static size_t take_health(char *bytes, size_t size, size_t n, void *data)
{
	return buf_add(data, bytes, size * n) == 0 ? n : 0;
}

/* The platform's own answer, as a visitor would get it. */
static bool is_ready(const struct up *u)
{
	CLEANUP(buf_done) struct buf answer;
	CLEANUP(json_unrefp) json_t *health = NULL;
	CURL *curl = curl_easy_init();
	const char *status = "";
	struct err e = {0};
	char url[160];
	CURLcode code;

	buf_init(&answer, 65536);
	if (!curl)
		return false;
	(void)snprintf(url, sizeof(url), "%s/healthz", u->local);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 300L);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_health);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	return code == CURLE_OK && json_parse(answer.data, answer.len, 65536, &health, &e) == 0 &&
	       json_get_str(health, "status", 32, &status, &e) == 0 && !strcmp(status, "ok");
}

static void print_first_password(const struct up *u)
{
	CLEANUP(buf_done) struct buf password;
	char path[LAYOUT_PATH + 64];
	struct err e = {0};

	buf_init(&password, 256);
	(void)snprintf(
		path, sizeof(path), "%s/orchestrator/first-admin-password", u->layout.svc_data);
	if (fs_read(AT_FDCWD, path, &password, &e) < 0)
		return;
	password.data[strcspn(buf_str(&password), "\n")] = '\0';
	printf("vitrine: the first administrator is 'admin', password: %s\n"
	       "vitrine: it is shown this once; change it under %s/-/account\n",
		buf_str(&password), u->url);
	(void)unlink(path);
}

static void write_token(struct up *u)
{
	CLEANUP(buf_done) struct buf token;
	struct err e = {0};

	buf_init(&token, 256);
	if (u->token_read < 0)
		return;
	if (fs_read_fd(u->token_read, &token, &e) < 0 || token.len == 0)
		log_error("no administrator's token came from the orchestrator %s", e.text);
	else if (fs_write_durable(AT_FDCWD, u->token_file, token.data, token.len, 0600, &e) < 0)
		log_error("%s", e.text);
	close(TAKE_FD(u->token_read));
}

static void poll_ready(void *data)
{
	struct up *u = data;

	if (!is_ready(u)) {
		if (!u->warned && clock_mono_usec() - u->started_usec > READY_WARN_USEC) {
			log_warn("not ready after 15 s; see the lines above");
			u->warned = true;
		}
		timer_arm_after(u->poll, READY_POLL_USEC);
		return;
	}
	print_first_password(u);
	write_token(u);
	if (front_wanted(&u->front))
		printf("vitrine: whoever comes by %s is sent to https\n", u->local);
	printf("vitrine: ready on %s\n", u->url);
	fflush(stdout);
}

/* --- life --- */

static void on_look(void *data)
{
	struct up *u = data;

	front_look(&u->front, &u->layout);
	timer_arm_after(u->look, FRONT_LOOK_SEC * USEC_PER_SEC);
}

static void on_all_ended(void *data)
{
	struct up *u = data;

	loop_stop(u->loop, 0);
}

static void on_term(int signo, void *data)
{
	struct up *u = data;

	(void)signo;
	timer_disarm(u->poll);
	supervisor_stop(u->supervisor, on_all_ended, u);
}

static int set_path(char dest[LAYOUT_PATH], const char *value, const char *option, struct err *e)
{
	if (snprintf(dest, LAYOUT_PATH, "%s", value) >= LAYOUT_PATH)
		return err_set(e, -ENAMETOOLONG, "%s: over %d bytes", option, LAYOUT_PATH - 1);
	return 0;
}

/* For this program and, through its environment, for the services. */
static int set_log_format(const char *word, struct err *e)
{
	if (strcmp(word, "json") != 0 && strcmp(word, "text") != 0)
		return err_set(e, -EINVAL, "--log-format: '%.32s' is not text or json", word);
	(void)setenv("VITRINE_LOG", word, 1);
	log_init("up");
	return 0;
}

/* FILE,SPACE in MiB. */
static int set_uploads(struct up *u, const char *text, struct err *e)
{
	char *end;

	u->upload_mib = strtoul(text, &end, 10);
	u->files_mib = *end == ',' ? strtoul(end + 1, &end, 10) : 0;
	if (*end || u->upload_mib == 0 || u->upload_mib > u->files_mib ||
		u->files_mib > UPLOADS_MIB_MAX)
		return err_set(e, -EINVAL,
			"--uploads: takes the MiB of one file and of a Space's files together, "
			"like 1024,4096 (got '%s')",
			text);
	return 0;
}

static int set_model_memory(struct up *u, const char *text, struct err *e)
{
	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9 ||
		*text == '0')
		return err_set(
			e, -EINVAL, "--model-memory: takes a number of MiB (got '%s')", text);
	u->model_memory = text;
	return 0;
}

/* Inference reads it again, and knows which devices there are and how much they have. */
static int add_device(struct up *u, const char *text, struct err *e)
{
	const char *is = strchr(text, '=');
	size_t n = 0;

	while (n < DEVICES_MAX && u->devices[n])
		n++;
	if (n == DEVICES_MAX)
		return err_set(e, -EINVAL, "--device: %d of them, the limit", DEVICES_MAX);
	if (!is || is == text || !is[1] || strspn(is + 1, "0123456789") != strlen(is + 1))
		return err_set(e, -EINVAL, "--device: takes NAME=MIB (got '%s')", text);
	u->devices[n] = text;
	return 0;
}

static int add_fetch_host(struct fetch_policy *f, const char *text, struct err *e)
{
	if (f->n_hosts == HTTP_HOSTS_MAX)
		return err_set(e, -E2BIG, "--fetch-allow: more than %d hosts", HTTP_HOSTS_MAX);
	if (http_host_check(text, e) < 0)
		return err_wrap(e, "--fetch-allow");
	f->hosts[f->n_hosts++] = text;
	return 0;
}

static int add_fetch_private(struct fetch_policy *f, const char *text, struct err *e)
{
	struct net_block block;

	if (f->n_private == FETCH_PRIVATE_MAX)
		return err_set(
			e, -E2BIG, "--fetch-allow-private: more than %d blocks", FETCH_PRIVATE_MAX);
	if (net_block_read(text, &block, e) < 0)
		return err_wrap(e, "--fetch-allow-private");
	f->private[f->n_private++] = text;
	return 0;
}

/* Where an option goes that is handed on as it is; NULL: it is none of those. */
static const char **text_of(struct up *u, int option)
{
	const struct {
		int option;
		const char **text;
	} texts[] = {
		{'l', &u->listen},
		{'p', &u->port},
		{'t', &u->token_file},
		{'W', &u->disk_warn},
		{'R', &u->disk_reserve},
		{'x', &u->proxy},
		{'g', &u->log_limits},
		{'k', &u->data_limits},
		{'q', &u->quota},
		{'f', &u->large_files},
		{'z', &u->repo_size},
		{'n', &u->sign_up},
		{'S', &u->spaces_domain},
		{'h', &u->front.port},
		{'H', &u->front.host},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].option == option)
			return texts[i].text;
	return NULL;
}

static const struct option known[] = {{"data", required_argument, NULL, 'd'},
	{"listen", required_argument, NULL, 'l'}, {"port", required_argument, NULL, 'p'},
	{"bin", required_argument, NULL, 'b'}, {"ui", required_argument, NULL, 'u'},
	{"models", required_argument, NULL, 'm'}, {"model-memory", required_argument, NULL, 'y'},
	{"device", required_argument, NULL, 'V'}, {"token-file", required_argument, NULL, 't'},
	{"class", required_argument, NULL, 'c'}, {"pool", required_argument, NULL, 'o'},
	{"isolation", required_argument, NULL, 'i'}, {"local-metrics", no_argument, NULL, 'M'},
	{"open-models", no_argument, NULL, 'O'}, {"proxy", required_argument, NULL, 'x'},
	{"disk-warn", required_argument, NULL, 'W'}, {"disk-reserve", required_argument, NULL, 'R'},
	{"log-format", required_argument, NULL, 'L'}, {"log-limits", required_argument, NULL, 'g'},
	{"data-limits", required_argument, NULL, 'k'}, {"repo-size", required_argument, NULL, 'z'},
	{"large-files", required_argument, NULL, 'f'}, {"sign-up", required_argument, NULL, 'n'},
	{"quota", required_argument, NULL, 'q'}, {"uploads", required_argument, NULL, 'a'},
	{"limit", required_argument, NULL, 'I'}, {"fetch-allow", required_argument, NULL, 'F'},
	{"fetch-allow-private", required_argument, NULL, 'P'}, {"tls-ca", no_argument, NULL, 'C'},
	{"tls", required_argument, NULL, 'T'}, {"tls-port", required_argument, NULL, 'h'},
	{"tls-acme", required_argument, NULL, 'A'},
	{"tls-acme-directory", required_argument, NULL, 'D'},
	{"tls-acme-contact", required_argument, NULL, 'N'},
	{"tls-acme-eab", required_argument, NULL, 'E'}, {"host", required_argument, NULL, 'H'},
	{"spaces-domain", required_argument, NULL, 'S'}, {"custom-domains", no_argument, NULL, 'B'},
	{0}};

/* What an option without a value turns on; NULL: it is none of those. */
static bool *flag_of(struct up *u, int option)
{
	switch (option) {
	case 'C':
		return &u->front.own_ca;
	case 'O':
		return &u->open_models;
	case 'B':
		return &u->custom_domains;
	case 'M':
		return &u->local_metrics;
	default:
		return NULL;
	}
}

/* Certificates of an authority. -ENOENT: the option is none of theirs. */
static int set_acme(struct acme *a, int option, const char *text, struct err *e)
{
	switch (option) {
	case 'A':
		return acme_add(a, text, false, e);
	case 'D':
		return acme_set_directory(a, text, e);
	case 'N':
		return acme_set_contact(a, text, e);
	case 'E':
		return acme_set_eab(a, text, e);
	default:
		return -ENOENT;
	}
}

static int parse_options(int argc, char **argv, struct up *u, struct err *e)
{
	const char **text;
	bool *flag;
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'd':
			r = set_path(u->layout.data, optarg, "--data", e);
			break;
		case 'b':
			r = set_path(u->layout.bin, optarg, "--bin", e);
			break;
		case 'u':
			r = set_path(u->layout.ui, optarg, "--ui", e);
			break;
		case 'm':
			r = set_path(u->layout.models, optarg, "--models", e);
			break;
		case 'y':
			r = set_model_memory(u, optarg, e);
			break;
		case 'V':
			r = add_device(u, optarg, e);
			break;
		case 'c':
			r = box_classes_set(&u->classes, optarg, e);
			break;
		case 'i':
			r = box_isolation_read(optarg, &u->dense, e);
			break;
		case 'L':
			r = set_log_format(optarg, e);
			break;
		case 'T':
			r = front_add(&u->front, optarg, e);
			break;
		case 'A':
		case 'D':
		case 'N':
		case 'E':
			r = set_acme(&u->front.acme, c, optarg, e);
			break;
		case 'a':
			r = set_uploads(u, optarg, e);
			break;
		case 'I':
			r = space_limits_set(&u->limits, optarg, e);
			break;
		case 'F':
			r = add_fetch_host(&u->fetch, optarg, e);
			break;
		case 'P':
			r = add_fetch_private(&u->fetch, optarg, e);
			break;
		case 'o':
			r = box_pool_set(&u->pool, optarg, e);
			break;
		default:
			text = text_of(u, c);
			flag = flag_of(u, c);
			if (!text && !flag)
				return err_set(e, -EINVAL, "see vitrine help");
			if (text)
				*text = optarg;
			else
				*flag = true;
		}
	}
	if (r == 0 && optind < argc)
		return err_set(e, -EINVAL, "'%s' is no option of vitrine up", argv[optind]);
	return r;
}

/* Every connection is a descriptor; the services inherit the limit. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(struct up *u, struct err *e)
{
	struct supervisor_config config = {.layout = &u->layout,
		.token_fd = -1,
		.classes = u->classes,
		.pool = u->pool,
		.dense = u->dense,
		.disk_warn = u->disk_warn,
		.log_limits = u->log_limits,
		.data_limits = u->data_limits,
		.quota = u->quota,
		.large_files = u->large_files,
		.repo_size = u->repo_size,
		.sign_up = u->sign_up,
		.spaces_domain = u->spaces_domain,
		.custom_domains = u->custom_domains,
		.disk_reserve = u->disk_reserve,
		.model_memory = u->model_memory,
		.devices = u->devices,
		.local_metrics = u->local_metrics,
		.open_models = u->open_models,
		.proxy = u->proxy,
		.upload_mib = u->upload_mib,
		.files_mib = u->files_mib,
		.fetch = u->fetch,
		.limits = u->limits};
	struct source *source;
	int pipe_fds[2], r;

	r = layout_prepare(&u->layout, e);
	if (r == 0)
		r = open_port(u, &config, e);
	if (r < 0)
		return r;
	if (u->token_file) {
		if (pipe2(pipe_fds, O_CLOEXEC) < 0)
			return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
		u->token_read = pipe_fds[0];
		config.token_fd = pipe_fds[1];
	}
	r = loop_new(&u->loop);
	if (r < 0 || loop_add_signal(u->loop, SIGTERM, on_term, u, &source) < 0 ||
		loop_add_signal(u->loop, SIGINT, on_term, u, &source) < 0 ||
		loop_add_timer(u->loop, poll_ready, u, &u->poll) < 0 ||
		loop_add_timer(u->loop, on_look, u, &u->look) < 0)
		return err_set(e, -ENOMEM, "cannot make the event loop");
	(void)signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	u->started_usec = clock_mono_usec();
	r = supervisor_new(u->loop, &config, &u->supervisor, e);
	if (r < 0)
		return r;
	timer_arm_after(u->poll, READY_POLL_USEC);
	if (front_wanted(&u->front))
		timer_arm_after(u->look, FRONT_LOOK_SEC * USEC_PER_SEC);
	r = u->front.acme.n ? renewer_new(u->loop, &u->layout, u->local, &u->renewer) : 0;
	if (r == 0)
		r = loop_run(u->loop);
	u->renewer = renewer_free(u->renewer);
	u->supervisor = supervisor_free(u->supervisor);
	return r;
}

int cmd_up(int argc, char **argv)
{
	struct up u = {.listen = "127.0.0.1",
		.port = "8080",
		.token_read = -1,
		.classes = box_classes_default,
		.pool = box_pool_default};
	struct err e = {0};
	int r;

	log_init("up");
	umask(022);
	layout_init(&u.layout);
	space_limits_default(&u.limits);
	r = parse_options(argc, argv, &u, &e);
	if (r == 0)
		r = serve(&u, &e);
	if (r < 0)
		fprintf(stderr, "vitrine: %s\n", e.text);
	u.loop = loop_free(u.loop);
	return r < 0 ? 1 : 0;
}
