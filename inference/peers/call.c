#include "inference/peers/call.h"

#include <errno.h>
#include <string.h>

#include "inference/tasks/options.h"

const char *call_code(int r)
{
	switch (r) {
	case -ENOENT:
	case -EFBIG:
	case -ENODEV:
		return "no_model";
	case -EINVAL:
	case -EACCES:
	case -ENOTSUP:
	case -EBADMSG:
		return "bad_input";
	case -EMSGSIZE:
		return "too_long";
	case -EBUSY:
		return "busy";
	case -EDQUOT:
	case -ETIME:
		return "quota";
	default:
		return "failed";
	}
}

size_t call_split(const uint8_t *value, size_t n, struct raw *ret)
{
	const uint8_t *end = n ? memchr(value, 0, n) : NULL;

	*ret = (struct raw){0};
	if (!end)
		return n;
	*ret = (struct raw){end + 1, n - (size_t)(end - value) - 1};
	return (size_t)(end - value);
}

static int find_model(
	const struct infer_call *c, struct shelf *shelf, struct model **ret, struct err *e)
{
	struct model *m = shelf_find(shelf, c->model);

	if (!m)
		return err_set(e, -ENOENT, "model: there is no '%s'", c->model);
	*ret = m;
	return shelf_use(shelf, m, e);
}

int call_start(const struct infer_call *c, const struct raw *raw, struct engine *engine,
	struct shelf *shelf, const struct request_ops *ops, void *data, struct job *ret_job,
	struct request **ret, const char **ret_code, struct err *e)
{
	struct options options;
	struct model *m = NULL;
	int r = find_model(c, shelf, &m, e);

	if (r == 0)
		r = options_read(c->options, m, &options, e);
	if (r < 0) {
		*ret_code = call_code(r);
		return r;
	}
	*ret_job = (struct job){.task = task_find(c->task), .model = m};
	if (ret_job->task)
		r = ret_job->task->start(&(struct start){ret_job, engine, m, &options, ops, data,
						 ret, raw ? raw->bytes : NULL, raw ? raw->n : 0},
			c->inputs, e);
	else
		r = err_set(e, -EINVAL, "task: '%s' is not known", c->task);
	if (r < 0)
		job_done(ret_job);
	*ret_code = call_code(r);
	return r;
}

int call_describe(const struct infer_call *c, struct shelf *shelf, json_t **ret,
	const char **ret_code, struct err *e)
{
	struct model *m = shelf_find(shelf, c->model);
	int r = 0;

	if (!m)
		r = err_set(e, -ENOENT, "model: there is no '%s'", c->model);
	else if (!*m->task) /* what is known of one stays known while it is not loaded */
		r = shelf_use(shelf, m, e);
	*ret_code = call_code(r);
	if (r < 0)
		return r;
	*ret = json_pack("{s:s, s:o*}", "task", m->task, "picture", sight_form(&m->sight));
	*ret_code = "failed";
	return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}
