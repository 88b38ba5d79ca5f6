#include "proto/proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define SIGNATURE_LEN 12
#define FIXED_LEN 16 /* with version, family and the length of the rest */
#define PROXIED 0x21 /* version 2; on behalf of somebody */
#define LOCAL 0x20
#define OVER_IPV4 0x11
#define OVER_IPV6 0x21
#define IPV4_LEN 12
#define IPV6_LEN 36

static const uint8_t signature[SIGNATURE_LEN] = "\r\n\r\n\0\r\nQUIT\n";

int proxy_header_write(
	const struct sockaddr *peer, const struct sockaddr *local, uint8_t ret[PROXY_HEADER_MAX])
{
	size_t n = 0;

	if (peer->sa_family != local->sa_family)
		return -EAFNOSUPPORT;
	memcpy(ret, signature, SIGNATURE_LEN);
	ret[12] = PROXIED;
	ret[14] = 0;
	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *from = (const void *)peer, *to = (const void *)local;

		n = IPV4_LEN;
		ret[13] = OVER_IPV4;
		memcpy(ret + 16, &from->sin_addr, 4);
		memcpy(ret + 20, &to->sin_addr, 4);
		memcpy(ret + 24, &from->sin_port, 2);
		memcpy(ret + 26, &to->sin_port, 2);
	} else if (peer->sa_family == AF_INET6) {
		const struct sockaddr_in6 *from = (const void *)peer, *to = (const void *)local;

		n = IPV6_LEN;
		ret[13] = OVER_IPV6;
		memcpy(ret + 16, &from->sin6_addr, 16);
		memcpy(ret + 32, &to->sin6_addr, 16);
		memcpy(ret + 48, &from->sin6_port, 2);
		memcpy(ret + 50, &to->sin6_port, 2);
	} else {
		return -EAFNOSUPPORT;
	}
	ret[15] = (uint8_t)n;
	return FIXED_LEN + (int)n;
}

int proxy_report_write(uint8_t ret[PROXY_HEADER_MAX])
{
	memset(ret, 0, PROXY_REPORT_HEAD);
	memcpy(ret, signature, SIGNATURE_LEN);
	ret[12] = LOCAL;
	return PROXY_REPORT_HEAD;
}

bool proxy_is_report(const uint8_t *bytes, size_t n)
{
	uint8_t head[PROXY_HEADER_MAX];

	return n >= PROXY_REPORT_HEAD && !memcmp(bytes, head, (size_t)proxy_report_write(head));
}

static void fill_ipv4(const uint8_t *at, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	memcpy(&in.sin_addr, at, 4);
	memcpy(&in.sin_port, at + 8, 2);
	memcpy(ret, &in, sizeof(in));
	*ret_length = sizeof(in);
}

static void fill_ipv6(const uint8_t *at, struct sockaddr_storage *ret, socklen_t *ret_length)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	memcpy(&in6.sin6_addr, at, 16);
	memcpy(&in6.sin6_port, at + 32, 2);
	memcpy(ret, &in6, sizeof(in6));
	*ret_length = sizeof(in6);
}

int proxy_header_read(const uint8_t *bytes, size_t n, struct sockaddr_storage *ret_peer,
	socklen_t *ret_length, struct err *e)
{
	size_t length;

	if (memcmp(bytes, signature, n < SIGNATURE_LEN ? n : SIGNATURE_LEN) != 0)
		return err_set(e, -EBADMSG, "PROXY header: the signature is missing");
	if (n < FIXED_LEN)
		return 0;
	length = (size_t)bytes[14] << 8 | bytes[15];
	if (bytes[12] != PROXIED)
		return err_set(
			e, -EBADMSG, "PROXY header: version and command are 0x%02x", bytes[12]);
	if ((bytes[13] != OVER_IPV4 || length != IPV4_LEN) &&
		(bytes[13] != OVER_IPV6 || length != IPV6_LEN))
		return err_set(e, -EBADMSG, "PROXY header: family 0x%02x with %zu bytes", bytes[13],
			length);
	if (n < FIXED_LEN + length)
		return 0;
	*ret_peer = (struct sockaddr_storage){0};
	if (bytes[13] == OVER_IPV4)
		fill_ipv4(bytes + FIXED_LEN, ret_peer, ret_length);
	else
		fill_ipv6(bytes + FIXED_LEN, ret_peer, ret_length);
	return FIXED_LEN + (int)length;
}
