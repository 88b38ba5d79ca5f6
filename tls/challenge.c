/*
 * vitrine-challenge: what uacme calls to prove to an authority that a name is this host's.
 *
 * Holds: fd 5, the folder from which the gateway answers.
 * May talk to it: uacme, which starts it: METHOD TYPE NAME TOKEN ANSWER.
 * Never sees: a key of any kind; it is started as vitrine-acme's user.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "proto/challenge.h"

#define FOLDER_FD 5
#define DECLINED 1 /* uacme offers another kind */

static int write_answer(const char *token, const char *answer)
{
	CLEANUP(closep)
	int fd = openat(
		FOLDER_FD, token, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : fs_write_all(fd, answer, strlen(answer));

	/* Whatever umask we were given, the gateway is another user. */
	return r == 0 && fchmod(fd, 0644) < 0 ? -errno : r;
}

int main(int argc, char **argv)
{
	int r;

	if (argc != 6 || !challenge_is_token(argv[4], strlen(argv[4]))) {
		fprintf(stderr, "vitrine-challenge: takes METHOD TYPE NAME TOKEN ANSWER, as uacme "
				"calls it\n");
		return 2;
	}
	if (strcmp(argv[2], "http-01") != 0 || !challenge_is_answer(argv[5], strlen(argv[5])))
		return DECLINED;
	if (strcmp(argv[1], "begin") == 0)
		r = write_answer(argv[4], argv[5]);
	else
		r = unlinkat(FOLDER_FD, argv[4], 0) < 0 && errno != ENOENT ? -errno : 0;
	if (r < 0)
		fprintf(stderr, "vitrine-challenge: %s: %s\n", argv[4], strerror(-r));
	return r < 0 ? 2 : 0;
}
