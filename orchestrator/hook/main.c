/*
 * vitrine-hook: git's pre-receive and post-receive, by the name it is called.
 *
 * I hold: one end of the socket that the orchestrator gave to this push's git.
 * Talks to me: git, by my standard input; the orchestrator.
 * I never see: the database, another push.
 * I give up after start: nothing myself; git has put on its filter and paths before (repo/git.c).
 *
 * Small on purpose: two of these start within every push.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "orchestrator/hook/hook.h"

static bool send_packet(const char *bytes, size_t n)
{
	ssize_t put;

	do
		put = send(HOOK_FD, bytes, n, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	return put == (ssize_t)n;
}

static bool send_question(const char *name)
{
	const char *quarantine = getenv("GIT_QUARANTINE_PATH");
	char packet[HOOK_PACKET_MAX];
	ssize_t got;
	int n = snprintf(
		packet, sizeof(packet), "H%s%c%s", name, '\0', quarantine ? quarantine : "");

	if (n < 0 || n >= (int)sizeof(packet) || !send_packet(packet, (size_t)n + 1))
		return false;
	packet[0] = 'R';
	while ((got = read(STDIN_FILENO, packet + 1, sizeof(packet) - 1)) > 0)
		if (!send_packet(packet, (size_t)got + 1))
			return false;
	return got == 0 && send_packet("E", 1);
}

/* The exit code, or -1 when the orchestrator is gone. */
static int print_answer(void)
{
	char packet[HOOK_PACKET_MAX];

	for (;;) {
		ssize_t n = recv(HOOK_FD, packet, sizeof(packet), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 2 && packet[0] == 'X')
			return (unsigned char)packet[1];
		if (n < 1 || packet[0] != 'L')
			return -1;
		packet[0] = '\n';
		(void)!write(STDERR_FILENO, packet + 1, (size_t)n - 1);
		(void)!write(STDERR_FILENO, packet, 1);
	}
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	int type = 0, code;
	socklen_t len = sizeof(type);

	if (getsockopt(HOOK_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		fprintf(stderr, "vitrine: this repository takes pushes through Vitrine only\n");
		return 1;
	}
	code = send_question(name) ? print_answer() : -1;
	if (code >= 0)
		return code;
	fprintf(stderr, "vitrine: the platform restarted during this push; push again\n");
	return 1;
}
