/*
 * Which addresses requests of apps may go to: those of the public internet, by IANA's registries of
 * special addresses (RFC 6890 and its updates), and those that the operator has added. Everything
 * else is inside: this machine, its network, or something that stands for them in another notation.
 * Knows no name and no URL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/net_block.h"

#define ADDRESS_EXCEPTIONS_MAX 32

/* Blocks that the operator has added. */
struct address_exceptions {
	struct net_block of[ADDRESS_EXCEPTIONS_MAX];
	size_t n;
};

/* Takes one, as net_block_read does. -EINVAL, -E2BIG with words. */
int address_except(struct address_exceptions *list, const char *text, struct err *e);

/*
 * NULL: a request may go there. Otherwise the rule that forbids it, in words like "private (RFC
 * 1918)". Static.
 */
const char *address_rule(const struct sockaddr *a, const struct address_exceptions *except);

/* Whether it is an address of this machine, however public it looks: the kernel would leave from
 * there to get there. Sends nothing. */
bool address_is_own(const struct sockaddr *a);

/* 127.0.0.0/8 and ::1: every machine's own, so that it says nothing of where a name leads. */
bool address_is_loopback(const struct sockaddr *a);
