#include "inference/tasks/task.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct task *const tasks[] = {
	&task_text_classification,
	&task_chat,
	&task_text_generation,
};

const struct task *task_find(const char *name)
{
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		if (!strcmp(tasks[i]->name, name))
			return tasks[i];
	return NULL;
}

int task_text(const json_t *v, const char *name, struct text *ret, struct err *e)
{
	if (!json_is_string(v))
		return err_set(e, -EINVAL, "%s: must be a text", name);
	if (json_string_length(v) > TASK_TEXT_MAX)
		return err_set(e, -EMSGSIZE, "%s: %zu bytes, the limit is %u", name,
			json_string_length(v), TASK_TEXT_MAX);
	*ret = (struct text){json_string_value(v), json_string_length(v)};
	return 0;
}

json_t *task_score(float score)
{
	return json_real(round((double)score * 1e8) / 1e8);
}
