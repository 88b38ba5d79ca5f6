#include "gateway/scale.h"

#include <stdbool.h>

static bool is_late(
	struct scale *s, const struct scale_settings *set, const struct scale_view *v, uint64_t now)
{
	if (v->delay_usec <= set->up_usec || v->coming > 0) {
		s->late_usec = 0;
		return false;
	}
	if (!s->late_usec)
		s->late_usec = now;
	return now - s->late_usec >= set->up_usec;
}

static bool is_calm(
	struct scale *s, const struct scale_settings *set, const struct scale_view *v, uint64_t now)
{
	if (v->delay_usec > 0 || v->coming > 0 || v->serving < 2 || v->busy >= v->serving) {
		s->calm_usec = 0;
		return false;
	}
	if (!s->calm_usec)
		s->calm_usec = now;
	return now - s->calm_usec >= set->calm_usec;
}

enum scale_word scale_look(struct scale *s, const struct scale_settings *set,
	const struct scale_view *v, uint64_t now_usec)
{
	bool late = is_late(s, set, v, now_usec);
	bool calm = is_calm(s, set, v, now_usec);

	if (v->serving > v->max && v->coming == 0) {
		*s = (struct scale){0};
		return SCALE_DOWN;
	}
	if (late && v->serving > 0 && v->coming == 0 && v->serving < v->max &&
		now_usec >= s->not_before_usec) {
		*s = (struct scale){0};
		return SCALE_UP;
	}
	if (!calm)
		return SCALE_STAY;
	*s = (struct scale){0};
	return SCALE_DOWN;
}

void scale_refused(struct scale *s, uint64_t retry_usec, uint64_t now_usec)
{
	uint64_t wait = retry_usec > SCALE_REFUSED_USEC ? retry_usec : SCALE_REFUSED_USEC;

	s->not_before_usec = now_usec + wait;
}
