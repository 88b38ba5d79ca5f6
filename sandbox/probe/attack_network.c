/* 89 to 92, 96, 97: sockets, and what could leave through those that a worker has. */
#include <arpa/inet.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sandbox/probe/attack.h"
#include "sandbox/probe/call.h"

#define FILES_MOST 253 /* SCM_MAX_FD of the kernel */

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct name {
	struct sockaddr_un address;
	socklen_t length;
};

/* "\0vitrine-probe-MARK": the tests listen there, outside. */
static struct name abstract_name(void)
{
	struct name n = {.address = {.sun_family = AF_UNIX}};
	int length = snprintf(n.address.sun_path + 1, sizeof(n.address.sun_path) - 1,
		"vitrine-probe-%d", probe_mark);

	n.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
	return n;
}

#define SOCKET(name, family, type, protocol) CALL(name, SYS_socket, family, type, protocol)

/* --- the internet --- */

SOCKET(socket_inet, AF_INET, SOCK_STREAM, 0)
SOCKET(socket_inet_datagram, AF_INET, SOCK_DGRAM, 0)
SOCKET(socket_inet_raw, AF_INET, SOCK_RAW, IPPROTO_RAW)
SOCKET(socket_ping, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
SOCKET(socket_mptcp, AF_INET, SOCK_STREAM, IPPROTO_MPTCP)
SOCKET(socket_sctp, AF_INET, SOCK_STREAM, IPPROTO_SCTP)
SOCKET(socket_inet6, AF_INET6, SOCK_STREAM, 0)
SOCKET(socket_inet6_raw, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)

static long reach(int type, const char *host, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	long fd = call(SYS_socket, AF_INET, type | SOCK_NONBLOCK, 0);

	(void)inet_pton(AF_INET, host, &a.sin_addr);
	return fd < 0 ? fd : call(SYS_connect, fd, &a, sizeof(a));
}

long attack_connect_loopback(void)
{
	return reach(SOCK_STREAM, "127.0.0.1", 9);
}

long attack_connect_loopback_datagram(void)
{
	return reach(SOCK_DGRAM, "127.0.0.1", 9);
}

long attack_connect_metadata(void)
{
	return reach(SOCK_STREAM, "169.254.169.254", 80);
}

long attack_bind_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	long fd = call(SYS_socket, AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? fd : call(SYS_bind, fd, &a, sizeof(a));
}

static long with_app_link(long nr)
{
	const struct name n = abstract_name();

	return call(nr, APP_FD, &n.address, n.length);
}

long attack_connect(void)
{
	return with_app_link(SYS_connect);
}

long attack_bind(void)
{
	return with_app_link(SYS_bind);
}

CALL(listen, SYS_listen, APP_FD, 1)
CALL(accept, SYS_accept4, APP_FD, NULL, NULL, SOCK_NONBLOCK)

/* --- the kernel's own families --- */

SOCKET(netlink_route, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
SOCKET(netlink_diagnosis, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
SOCKET(netlink_audit, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)
SOCKET(netlink_connector, AF_NETLINK, SOCK_RAW, NETLINK_CONNECTOR)
SOCKET(netlink_netfilter, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
SOCKET(netlink_uevent, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)
SOCKET(netlink_generic, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)
SOCKET(netlink_crypto, AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO)
SOCKET(socket_packet, AF_PACKET, SOCK_RAW, 0)
SOCKET(socket_vsock, AF_VSOCK, SOCK_STREAM, 0)
SOCKET(socket_alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET(socket_xdp, 44, SOCK_RAW, 0)
SOCKET(socket_can, AF_CAN, SOCK_RAW, 1)
SOCKET(socket_tipc, AF_TIPC, SOCK_SEQPACKET, 0)
SOCKET(socket_smc, 43, SOCK_STREAM, 0)
SOCKET(socket_bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)
SOCKET(socket_key, AF_KEY, SOCK_RAW, 2)
SOCKET(socket_rds, AF_RDS, SOCK_SEQPACKET, 0)
SOCKET(socket_qualcomm, 42, SOCK_DGRAM, 0)
SOCKET(socket_kcm, AF_KCM, SOCK_SEQPACKET, 0)
SOCKET(socket_nfc, AF_NFC, SOCK_SEQPACKET, 1)
SOCKET(socket_phonet, AF_PHONET, SOCK_DGRAM, 0)
SOCKET(socket_radio, AF_AX25, SOCK_SEQPACKET, 0)
SOCKET(socket_modem, AF_PPPOX, SOCK_STREAM, 0)

/* --- daemons of the host --- */

SOCKET(socket_unix, AF_UNIX, SOCK_STREAM, 0)
CALL(socketpair, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, probe_page)

static long reach_unix(const struct sockaddr_un *a, socklen_t len)
{
	long fd = call(SYS_socket, AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 ? fd : call(SYS_connect, fd, a, len);
}

long attack_connect_abstract(void)
{
	const struct name n = abstract_name();

	return reach_unix(&n.address, n.length);
}

long attack_connect_path(void)
{
	const struct sockaddr_un a = {
		.sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket"};

	return reach_unix(&a, sizeof(a));
}

long attack_bind_abstract(void)
{
	long fd = call(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	const struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0vitrine-probe-2"};

	return fd < 0 ? fd : call(SYS_bind, fd, &a, sizeof(a));
}

/* --- out of its own sockets --- */

long attack_sendto_address(void)
{
	const struct name n = abstract_name();

	return call(SYS_sendto, INFER_FD, "x", 1, 0, &n.address, n.length);
}

CALL(sendto_address_only, SYS_sendto, INFER_FD, "x", 1, 0, probe_page, 0)
CALL(sendto_length_only, SYS_sendto, INFER_FD, "x", 1, 0, NULL, 16)
CALL(sendto_length_high_bits, SYS_sendto, INFER_FD, "x", 1, 0, NULL, HIGH)
CALL(sendmmsg, SYS_sendmmsg, INFER_FD, BAD_POINTER, 1, 0)
CALL(recvmmsg, SYS_recvmmsg, APP_FD, probe_page, 0, MSG_DONTWAIT, NULL)
CALL(set_pass_credentials, SYS_setsockopt, APP_FD, SOL_SOCKET, SO_PASSCRED, "\1\0\0", 4)
CALL(set_send_buffer, SYS_setsockopt, APP_FD, SOL_SOCKET, SO_SNDBUF, "\0\0\0\1", 4)

/* One byte to nobody: the bad address of it lets the kernel read the files and not send them. */
static long send_with(int type, const void *bytes, size_t n)
{
	static union {
		char bytes[CMSG_SPACE(FILES_MOST * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {BAD_POINTER, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), bytes, n);
	return call(SYS_sendmsg, APP_FD, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

long attack_sendmsg_file(void)
{
	const int fd = 0;

	return send_with(SCM_RIGHTS, &fd, sizeof(fd));
}

/* The socket itself in flight on itself: a cycle that only the kernel's collector can free. */
long attack_sendmsg_itself(void)
{
	const int fd = APP_FD;

	return send_with(SCM_RIGHTS, &fd, sizeof(fd));
}

long attack_sendmsg_many_files(void)
{
	const int fds[FILES_MOST] = {0};

	return send_with(SCM_RIGHTS, fds, sizeof(fds));
}

long attack_sendmsg_memory_file(void)
{
	long r = call(SYS_memfd_create, "x", 0);
	const int fd = (int)r;

	return r < 0 ? r : send_with(SCM_RIGHTS, &fd, sizeof(fd));
}

long attack_sendmsg_folder(void)
{
	long r = call(SYS_openat, -100 /* AT_FDCWD */, "/", 0200000 /* O_DIRECTORY */);
	const int fd = (int)r;

	return r < 0 ? r : send_with(SCM_RIGHTS, &fd, sizeof(fd));
}

long attack_sendmsg_credentials(void)
{
	const struct ucred forged = {.pid = 1, .uid = 0, .gid = 0};

	return send_with(SCM_CREDENTIALS, &forged, sizeof(forged));
}
