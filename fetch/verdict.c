#include "fetch/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int verdict_set(struct verdict *v, const char *code, const char *rule, const char *fmt, ...)
{
	va_list ap;

	v->code = code;
	v->rule = rule;
	v->words.code = -EPERM;
	va_start(ap, fmt);
	(void)vsnprintf(v->words.text, sizeof(v->words.text), fmt, ap);
	va_end(ap);
	return -EPERM;
}
