#include "gateway/session/frames.h"

#include <errno.h>
#include <string.h>

int frames_each(const uint8_t *bytes, size_t n, size_t max, frames_fn fn, void *data, struct err *e)
{
	struct frame_joiner joiner;
	int r = 0;

	frame_joiner_init(&joiner);
	while (n > 0 && r >= 0) {
		struct frame f;
		int used = frame_read(&f, bytes, n, e);

		if (used < 0) {
			r = used;
			break;
		}
		bytes += used;
		n -= (size_t)used;
		r = frame_join(&joiner, &f, max, e);
		if (r > 0)
			r = fn(&f, data, e);
	}
	if (r >= 0 && joiner.open)
		r = err_set(e, -EBADMSG, "frames end in the middle of a continued value");
	frame_joiner_done(&joiner);
	return r < 0 ? r : 0;
}

bool frames_name_files(const uint8_t *bytes, size_t n)
{
	return memmem(bytes, n, "\"file\"", 6) != NULL;
}
