/* What an authority asks for at http before it gives a certificate: RFC 8555, 8.3. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "gateway/http/request.h"
#include "proto/challenge.h"

/* The file of a token, which another program wrote; a name that is none leads nowhere. */
static int read_answer(const char *dir, const char *token, struct buf *b)
{
	CLEANUP(closep) int at = -1;
	CLEANUP(closep) int fd = -1;

	if (!challenge_is_token(token, strlen(token)))
		return -ENOENT;
	at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -errno;
	fd = openat(at, token, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fs_read_fd(fd, b, &(struct err){0});
}

static enum MHD_Result challenge_finish(struct request *r)
{
	CLEANUP(buf_done) struct buf b;
	const char *dir = request_gateway(r)->challenges;

	buf_init(&b, CHALLENGE_ANSWER_MAX + 1);
	if (!dir || read_answer(dir, r->target + strlen(CHALLENGE_PATH), &b) < 0 ||
		!challenge_is_answer(buf_str(&b), b.len))
		return answer_error(r, MHD_HTTP_NOT_FOUND, "no authority is answered by this name");
	return answer_bytes(r, MHD_HTTP_OK, "application/octet-stream", b.data, b.len);
}

const struct handler challenge_handler = {.name = "challenge", .finish = challenge_finish};
