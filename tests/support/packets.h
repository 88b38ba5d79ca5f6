/*
 * Packets from a stranger, for fuzz targets of whole links: the input is packets, each a u16 length
 * and its bytes, sent one after the other while the loop of who receives them runs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/frame.h"
#include "base/loop.h"
#include "tests/support/fuzz.h"

#define PACKETS_MAX 64
#define ROUNDS_PER_PACKET 4

/* Rounds of the loop that do not wait. */
static inline void packets_spin(struct loop *loop, int rounds)
{
	for (int i = 0; i < rounds; i++)
		MUST(loop_dispatch(loop, 0) == 0);
}

/* What came back is of no interest, but must not fill the socket. */
static inline void packets_drain(int fd)
{
	static uint8_t bytes[FRAME_PACKET_MAX];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static inline void packets_feed(int fd, struct loop *loop, const uint8_t *data, size_t size)
{
	for (int i = 0; size >= 2 && i < PACKETS_MAX; i++) {
		size_t n = (size_t)data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		if (send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		packets_spin(loop, ROUNDS_PER_PACKET);
		packets_drain(fd);
		data += n;
		size -= n;
	}
}

/* A folder of this process, removed at its end; made once. */
const char *packets_dir(void);

/* A listening socket of that name in the folder. */
static inline int packets_listen(const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", packets_dir(), name);
	fd = listen_unix(path, SOCK_SEQPACKET, NULL);
	MUST(fd >= 0);
	return fd;
}

static inline int packets_connect(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", packets_dir(), name);
	MUST(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}
