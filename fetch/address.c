#include "fetch/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* In the order in which they are looked at: the first one names the rule. */
static const struct {
	const char *block, *rule;
} inside[] = {
	{"0.0.0.0/8", "this network (RFC 1122)"},
	{"10.0.0.0/8", "private (RFC 1918)"},
	{"100.64.0.0/10", "shared by carriers (RFC 6598)"},
	{"127.0.0.0/8", "loopback (RFC 1122)"},
	{"169.254.0.0/16", "link-local (RFC 3927)"},
	{"172.16.0.0/12", "private (RFC 1918)"},
	{"192.0.0.0/24", "of protocols (RFC 6890)"},
	{"192.0.2.0/24", "of documentation (RFC 5737)"},
	{"192.88.99.0/24", "6to4 (RFC 7526)"},
	{"192.168.0.0/16", "private (RFC 1918)"},
	{"198.18.0.0/15", "of benchmarks (RFC 2544)"},
	{"198.51.100.0/24", "of documentation (RFC 5737)"},
	{"203.0.113.0/24", "of documentation (RFC 5737)"},
	{"224.0.0.0/4", "multicast (RFC 5771)"},
	{"240.0.0.0/4", "reserved (RFC 1112)"},
	{"::/128", "unspecified (RFC 4291)"},
	{"::1/128", "loopback (RFC 4291)"},
	{"::ffff:0:0/96", "an IPv4 address in IPv6's notation (RFC 4291)"},
	{"::/96", "an IPv4 address in IPv6's notation (RFC 4291)"},
	{"64:ff9b::/96", "NAT64 (RFC 6052)"},
	{"64:ff9b:1::/48", "NAT64 (RFC 8215)"},
	{"100::/64", "discarded (RFC 6666)"},
	{"2001::/32", "Teredo (RFC 4380)"},
	{"2001:2::/48", "of benchmarks (RFC 5180)"},
	{"2001::/23", "of protocols (RFC 2928)"},
	{"2001:db8::/32", "of documentation (RFC 3849)"},
	{"2002::/16", "6to4 (RFC 3056)"},
	{"3fff::/20", "of documentation (RFC 9637)"},
	{"5f00::/16", "segment routing (RFC 9602)"},
	{"fc00::/7", "unique local (RFC 4193)"},
	{"fe80::/10", "link-local (RFC 4291)"},
	{"fec0::/10", "site-local (RFC 3879)"},
	{"ff00::/8", "multicast (RFC 4291)"},
};

#define INSIDE (sizeof(inside) / sizeof(inside[0]))

int address_except(struct address_exceptions *list, const char *text, struct err *e)
{
	if (list->n == ADDRESS_EXCEPTIONS_MAX)
		return err_set(
			e, -E2BIG, "more than %d blocks of addresses", ADDRESS_EXCEPTIONS_MAX);
	if (net_block_read(text, &list->of[list->n], e) < 0)
		return -EINVAL;
	list->n++;
	return 0;
}

static const uint8_t *bytes_of(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)a)->sin_addr;
	return ((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr;
}

const char *address_rule(const struct sockaddr *a, const struct address_exceptions *except)
{
	const uint8_t *bytes;

	if (a->sa_family != AF_INET && a->sa_family != AF_INET6)
		return "of no internet";
	bytes = bytes_of(a);
	for (size_t i = 0; i < except->n; i++)
		if (net_block_has(&except->of[i], a->sa_family, bytes))
			return NULL;
	for (size_t i = 0; i < INSIDE; i++) {
		struct net_block block;

		if (net_block_read(inside[i].block, &block, NULL) < 0)
			abort(); /* the table is wrong */
		if (net_block_has(&block, a->sa_family, bytes))
			return inside[i].rule;
	}
	/* RFC 4291: all that is routed begins with 001. */
	if (a->sa_family == AF_INET6 && (bytes[0] & 0xe0) != 0x20)
		return "not given out (RFC 4291)";
	return address_is_own(a) ? "of this machine" : NULL;
}

bool address_is_loopback(const struct sockaddr *a)
{
	const uint8_t *bytes = bytes_of(a);

	return a->sa_family == AF_INET
		       ? bytes[0] == 127
		       : !memcmp(bytes, &in6addr_loopback, sizeof(in6addr_loopback));
}

bool address_is_own(const struct sockaddr *a)
{
	struct sockaddr_storage from = {0};
	socklen_t len = a->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						: sizeof(struct sockaddr_in6),
		  from_len = sizeof(from);
	CLEANUP(closep) int fd = socket(a->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, a, len) < 0 ||
		getsockname(fd, (struct sockaddr *)&from, &from_len) < 0 ||
		from.ss_family != a->sa_family)
		return false;
	return !memcmp(
		bytes_of((struct sockaddr *)&from), bytes_of(a), a->sa_family == AF_INET ? 4 : 16);
}
