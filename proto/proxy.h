/*
 * The first bytes of a connection that vitrine-tls passes on: whose it is, as PROXY protocol
 * version 2 has it (haproxy.org, doc/proxy-protocol.txt). Knows no socket, and of the protocol only
 * what one of ours says to another: a proxied TCP connection over IPv4 or IPv6, and nothing beside
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define PROXY_HEADER_MAX 52 /* bytes: 16, and two addresses with their ports */

/*
 * Writes the header for a connection from peer to local, both of one family. Returns its length;
 * -EAFNOSUPPORT: neither IPv4 nor IPv6, or not of one family.
 */
int proxy_header_write(
	const struct sockaddr *peer, const struct sockaddr *local, uint8_t ret[PROXY_HEADER_MAX]);

/*
 * With a head of its own (command LOCAL: on behalf of nobody) comes what vitrine-tls tells of
 * itself, in one send, and the end. That long in all:
 */
#define PROXY_REPORT_HEAD 16
#define PROXY_REPORT_MAX (32 * 1024)
int proxy_report_write(uint8_t ret[PROXY_HEADER_MAX]); /* returns PROXY_REPORT_HEAD */
bool proxy_is_report(const uint8_t *bytes, size_t n);

/*
 * Reads who is at the other end. Returns the bytes that the header takes, 0 when more have to
 * come. -EBADMSG: no such header, words say what is wrong with it.
 */
int proxy_header_read(const uint8_t *bytes, size_t n, struct sockaddr_storage *ret_peer,
	socklen_t *ret_length, struct err *e);
