#include "cli/tls/renewer.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"

#define FIRST_USEC (200 * USEC_PER_MSEC)
#define EVERY_USEC (60 * USEC_PER_SEC)
#define ENVIRONMENT_MAX 16

struct renewer {
	struct loop *loop;            /* borrowed */
	const struct layout *layout;  /* borrowed */
	const char *url;              /* borrowed */
	struct source *timer, *child; /* owned */
	pid_t pid;                    /* 0: none runs */
	bool answered;                /* the gateway has */
};

static size_t drop(char *bytes, size_t size, size_t n, void *data)
{
	(void)bytes;
	(void)data;
	return size * n;
}

static bool gateway_answers(const struct renewer *r)
{
	CURL *curl = curl_easy_init();
	char url[160];
	CURLcode code;

	if (!curl)
		return false;
	(void)snprintf(url, sizeof(url), "%s/healthz", r->url);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 300L);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	return code == CURLE_OK;
}

static void on_end(pid_t pid, int status, void *data)
{
	struct renewer *r = data;

	/* What went wrong it has said itself. */
	if (WIFSIGNALED(status))
		log_warn("vitrine tls renew pid=%d ended by signal %d", pid, WTERMSIG(status));
	r->child = NULL;
	r->pid = 0;
	timer_arm_after(r->timer, EVERY_USEC);
}

static void start(struct renewer *r)
{
	char *argv[] = {"vitrine", "tls", "renew", "--data", (char *)r->layout->data, NULL};
	struct spawn_plan plan = SPAWN_PLAN_INIT;
	struct err e = {0};
	pid_t pid;

	plan.path = "/proc/self/exe";
	plan.argv = argv;
	plan.envp = environ;
	plan.fds[1] = 2;
	plan.death_signal = SIGKILL;
	pid = spawn_program(&plan, &e);
	if (pid < 0 || loop_add_child(r->loop, pid, on_end, r, &r->child) < 0) {
		log_error("certificates are not renewed: %s", e.text);
		timer_arm_after(r->timer, EVERY_USEC);
		return;
	}
	r->pid = pid;
}

static void on_timer(void *data)
{
	struct renewer *r = data;

	r->answered = r->answered || gateway_answers(r);
	if (r->answered)
		start(r);
	else
		timer_arm_after(r->timer, FIRST_USEC);
}

int renewer_new(struct loop *loop, const struct layout *l, const char *url, struct renewer **ret)
{
	CLEANUP(renewer_freep) struct renewer *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->layout = l;
	r->url = url;
	code = loop_add_timer(loop, on_timer, r, &r->timer);
	if (code < 0)
		return code;
	timer_arm_after(r->timer, FIRST_USEC);
	*ret = TAKE_PTR(r);
	return 0;
}

struct renewer *renewer_free(struct renewer *r)
{
	if (!r)
		return NULL;
	if (r->pid > 0) {
		(void)kill(r->pid, SIGKILL);
		(void)waitpid(r->pid, NULL, 0);
	}
	(void)source_free(r->child);
	(void)source_free(r->timer);
	free(r);
	return NULL;
}
