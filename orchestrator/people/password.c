#include "orchestrator/people/password.h"

#include <argon2.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/random.h"

/* OWASP's second choice for argon2id: 19 MiB, two passes, one lane; about 30 ms here. */
#define MEMORY_KIB 19456
#define PASSES 2
#define LANES 1
#define SALT_LEN 16
#define HASH_LEN 32

#define THREADS_MAX 2
#define JOBS_MAX 32

enum job_state { JOB_FREE, JOB_WAITING, JOB_RUNNING };

struct job {
	enum job_state state;
	int ticket;
	bool verify, matches;
	char password[PASSWORD_MAX + 1];
	char hash[PASSWORD_HASH_MAX]; /* to verify against, or the result */
	password_fn fn;               /* NULL: forgotten */
	void *data;
	pthread_t thread;
	int done_fd; /* borrowed: where the thread reports its job */
};

struct passwords {
	struct job jobs[JOBS_MAX];
	int running, last_ticket;
	int done[2]; /* owned: pipe of job numbers */
	struct source *source;
};

/* What a wrong name is verified against, so that it takes as long as a wrong password. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
			     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

int password_hash_now(const char *password, char ret[PASSWORD_HASH_MAX])
{
	uint8_t salt[SALT_LEN];

	random_bytes(salt, sizeof(salt));
	return argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt,
		       sizeof(salt), HASH_LEN, ret, PASSWORD_HASH_MAX) == ARGON2_OK
		       ? 0
		       : -ENOMEM;
}

static void *run_job(void *data)
{
	struct job *j = data;

	if (j->verify)
		j->matches =
			argon2id_verify(j->hash, j->password, strlen(j->password)) == ARGON2_OK;
	else if (password_hash_now(j->password, j->hash) < 0)
		j->hash[0] = '\0';
	explicit_bzero(j->password, sizeof(j->password));
	(void)!write(j->done_fd, &(uint8_t){(uint8_t)j->ticket}, 1);
	return NULL;
}

static void finish_job(struct job *j)
{
	struct job copy = *j;

	*j = (struct job){.state = JOB_FREE};
	if (copy.fn)
		copy.fn(copy.hash, copy.matches, copy.data);
}

static void start_waiting(struct passwords *p)
{
	for (int i = 0; i < JOBS_MAX && p->running < THREADS_MAX; i++) {
		struct job *j = &p->jobs[i];

		if (j->state != JOB_WAITING)
			continue;
		if (pthread_create(&j->thread, NULL, run_job, j) != 0)
			return; /* tried again when a running one ends, or by the next caller */
		j->state = JOB_RUNNING;
		p->running++;
	}
}

static void on_done(int fd, uint32_t events, void *data)
{
	struct passwords *p = data;
	uint8_t ticket;

	(void)events;
	if (read(fd, &ticket, 1) != 1)
		return;
	for (int i = 0; i < JOBS_MAX; i++) {
		struct job *j = &p->jobs[i];

		if (j->state != JOB_RUNNING || (uint8_t)j->ticket != ticket)
			continue;
		(void)pthread_join(j->thread, NULL);
		p->running--;
		finish_job(j);
		break;
	}
	start_waiting(p);
}

int passwords_new(struct loop *loop, struct passwords **ret)
{
	CLEANUP(passwords_freep) struct passwords *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->done[0] = p->done[1] = -1;
	if (pipe2(p->done, O_CLOEXEC) < 0)
		return -errno;
	r = loop_add_fd(loop, p->done[0], EPOLLIN, on_done, p, &p->source);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

struct passwords *passwords_free(struct passwords *p)
{
	if (!p)
		return NULL;
	for (int i = 0; i < JOBS_MAX; i++)
		if (p->jobs[i].state == JOB_RUNNING)
			(void)pthread_join(p->jobs[i].thread, NULL);
	(void)source_free(p->source);
	for (int i = 0; i < 2; i++)
		if (p->done[i] >= 0)
			close(p->done[i]);
	explicit_bzero(p->jobs, sizeof(p->jobs));
	free(p);
	return NULL;
}

static bool is_taken(const struct passwords *p, int ticket)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (p->jobs[i].state != JOB_FREE && p->jobs[i].ticket == ticket)
			return true;
	return false;
}

static int add_job(struct passwords *p, const char *password, const char *hash, bool verify,
	password_fn fn, void *data)
{
	struct job *j = NULL;

	for (int i = 0; i < JOBS_MAX && !j; i++)
		if (p->jobs[i].state == JOB_FREE)
			j = &p->jobs[i];
	if (!j)
		return -EBUSY;
	do /* 1 to 255, one byte in the pipe, more than there are jobs */
		p->last_ticket = p->last_ticket % 255 + 1;
	while (is_taken(p, p->last_ticket));
	*j = (struct job){.state = JOB_WAITING,
		.ticket = p->last_ticket,
		.verify = verify,
		.fn = fn,
		.data = data,
		.done_fd = p->done[1]};
	(void)snprintf(j->password, sizeof(j->password), "%s", password);
	(void)snprintf(j->hash, sizeof(j->hash), "%s", hash);
	start_waiting(p);
	return j->ticket;
}

int password_verify(
	struct passwords *p, const char *password, const char *hash, password_fn fn, void *data)
{
	return add_job(p, password, hash && *hash ? hash : nobody, true, fn, data);
}

int password_hash(struct passwords *p, const char *password, password_fn fn, void *data)
{
	return add_job(p, password, "", false, fn, data);
}

void passwords_forget(struct passwords *p, int ticket)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (p->jobs[i].state != JOB_FREE && p->jobs[i].ticket == ticket)
			p->jobs[i].fn = NULL;
}

int password_check(const char *password, struct err *e)
{
	size_t n = strlen(password);

	if (n < PASSWORD_MIN || n > PASSWORD_MAX)
		return err_set(e, -EINVAL, "password: %zu characters, it takes %d to %d", n,
			PASSWORD_MIN, PASSWORD_MAX);
	return 0;
}
