/* 53 to 56, 60, 63, 64, 65: what tells of the host or of others, and what could carry messages. */
#include <fcntl.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"

#define KEY_OF_HOST (0x76000000 + probe_mark) /* the tests make one outside */

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* --- the host --- */

/* Tells the test the name inside, which must not be the host's. */
long attack_uname(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	return strcmp(u.nodename, "space") == 0 ? 0 : -EXDEV;
}

CALL(sysinfo, SYS_sysinfo, probe_page)
CALL(getrusage, SYS_getrusage, 0, probe_page)
CALL(get_affinity, SYS_sched_getaffinity, 0, sizeof(probe_page), probe_page)
CALL(getcpu, SYS_getcpu, probe_page, NULL, NULL)
CALL(times, SYS_times, probe_page)
CALL(clock_boottime, SYS_clock_gettime, CLOCK_BOOTTIME, probe_page)
CALL(clock_raw, SYS_clock_gettime, CLOCK_MONOTONIC_RAW, probe_page)
CALL(clock_of_first, SYS_clock_gettime, (~1u << 3) | 2, probe_page)
CALL(clock_resolution, SYS_clock_getres, CLOCK_MONOTONIC, probe_page)
CALL(gettimeofday_call, SYS_gettimeofday, probe_page, NULL)
CALL(kernel_log, SYS_syslog, 3, probe_page, sizeof(probe_page))
CALL(timer_create, SYS_timer_create, CLOCK_MONOTONIC, NULL, probe_page)
CALL(setitimer_real, SYS_setitimer, ITIMER_REAL, probe_page, NULL)
CALL(getitimer, SYS_getitimer, ITIMER_REAL, probe_page)
CALL(alarm, SYS_alarm, 0)

/* --- parent and peers --- */

/* 0 is a parent that this pid namespace does not show. */
long attack_getppid(void)
{
	long r = call(SYS_getppid);

	return r == 0 ? -ESRCH : r;
}

CALL(getpgid, SYS_getpgid, 0)
CALL(getpgrp, SYS_getpgrp)
CALL(getsid, SYS_getsid, 0)
CALL(setsid, SYS_setsid)
CALL(setpgid, SYS_setpgid, 0, 0)

static long ask_socket(int option)
{
	socklen_t len = sizeof(probe_page);

	return call(SYS_getsockopt, APP_FD, SOL_SOCKET, option, probe_page, &len);
}

long attack_peer_credentials(void)
{
	return ask_socket(SO_PEERCRED);
}

long attack_peer_process(void)
{
	return ask_socket(SO_PEERPIDFD);
}

long attack_peer_groups(void)
{
	return ask_socket(SO_PEERGROUPS);
}

long attack_peer_label(void)
{
	return ask_socket(SO_PEERSEC);
}

static long ask_name(long nr)
{
	socklen_t len = sizeof(probe_page);

	return call(nr, APP_FD, probe_page, &len);
}

long attack_peer_name(void)
{
	return ask_name(SYS_getpeername);
}

long attack_socket_name(void)
{
	return ask_name(SYS_getsockname);
}

/* --- mailboxes --- */

CALL(keyctl, SYS_keyctl, 0, -3, 1)
CALL(add_key, SYS_add_key, "user", "x", "x", 1, -3)
CALL(request_key, SYS_request_key, "user", "x", NULL, -3)

/* Made and at once removed: where there is no IPC namespace, it would outlive us. */
long attack_shmget(void)
{
	long id = call(SYS_shmget, IPC_PRIVATE, 4096, 0600);

	return id < 0 ? id : call(SYS_shmctl, id, IPC_RMID, NULL);
}

long attack_semget(void)
{
	long id = call(SYS_semget, IPC_PRIVATE, 1, 0600);

	return id < 0 ? id : call(SYS_semctl, id, 0, IPC_RMID, 0);
}

long attack_msgget(void)
{
	long id = call(SYS_msgget, IPC_PRIVATE, 0600);

	return id < 0 ? id : call(SYS_msgctl, id, IPC_RMID, NULL);
}

CALL(shmget_of_host, SYS_shmget, KEY_OF_HOST, 0, 0)
CALL(shmat, SYS_shmat, 0, NULL, SHM_RDONLY)
CALL(shmctl, SYS_shmctl, 0, IPC_STAT, probe_page)
CALL(semop, SYS_semop, 0, probe_page, 1)
CALL(semtimedop, SYS_semtimedop, 0, probe_page, 1, NULL)
CALL(msgsnd, SYS_msgsnd, 0, probe_page, 1, IPC_NOWAIT)
CALL(msgrcv, SYS_msgrcv, 0, probe_page, 1, 0, IPC_NOWAIT)
CALL(mq_open, SYS_mq_open, "vitrine-probe", O_RDWR, 0600, NULL)
CALL(mq_unlink, SYS_mq_unlink, "vitrine-probe")
CALL(mq_notify, SYS_mq_notify, 0, NULL)

/* --- what is in the page cache --- */

CALL(mincore, SYS_mincore, probe_page, sizeof(probe_page), probe_page)
CALL(cachestat, SYS_cachestat, 0, probe_page, probe_page, 0)
CALL(readahead, SYS_readahead, 0, 0, 4096)
CALL(fadvise, SYS_fadvise64, 0, 0, 0, 3)
