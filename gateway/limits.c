#include "gateway/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/map.h"
#include "gateway/rate.h"

/* Tokens come back at rate per second up to burst. */
static const struct {
	double rate, burst;
} tokens[LIMIT_KINDS] = {
	[LIMIT_SESSION] = {20, 600},
	[LIMIT_UPLOAD] = {2, 60},
	[LIMIT_MODEL] = {50, 1000},
	[LIMIT_HANDSHAKE] = {200, 2000}, /* in vitrine-tls: a signature each */
};

struct address {
	char text[INET6_ADDRSTRLEN];
	uint8_t key[16];
	size_t key_length;
	size_t sockets;
	bool proxy;
	struct rate rates[LIMIT_KINDS];
	struct rate requests;
};

#define NAMED_MAX 16384
/* Whoever comes may make up as many tokens as he likes: the rest is for Spaces alone. */
#define NAMED_TOKENS_MAX (NAMED_MAX / 2)
#define NAMED_KEPT_USEC 60000000ull /* by then all tokens have come back */
/* A walk through all of them, for every new name of a full table, would take the loop's time. */
#define NAMED_SWEEP_USEC 1000000ull

struct named {
	struct rate rate;
	bool token;
	char name[96];
};

struct limits {
	struct map addresses; /* owns them */
	struct map named;     /* likewise */
	size_t named_tokens;  /* that many of them */
	uint64_t sweep_usec;  /* of named: the last one, while it runs now */
	size_t sockets_max, total_max, total;
	struct address proxies[LIMITS_PROXIES_MAX]; /* only their keys */
	size_t n_proxies;
};

int limits_new(size_t sockets, size_t sockets_total, struct limits **ret)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->sockets_max = sockets;
	l->total_max = sockets_total;
	map_init(&l->addresses);
	map_init(&l->named);
	*ret = l;
	return 0;
}

static void free_one(void *value, void *data)
{
	(void)data;
	free(value);
}

struct limits *limits_free(struct limits *l)
{
	if (!l)
		return NULL;
	map_each(&l->addresses, free_one, NULL);
	map_done(&l->addresses);
	map_each(&l->named, free_one, NULL);
	map_done(&l->named);
	free(l);
	return NULL;
}

static void fill(struct address *a, const struct sockaddr *peer)
{
	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)peer;

		memcpy(a->key, &in->sin_addr, 4);
		a->key_length = 4;
		(void)inet_ntop(AF_INET, &in->sin_addr, a->text, sizeof(a->text));
	} else if (peer->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)peer;

		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			memcpy(a->key, &in6->sin6_addr.s6_addr[12], 4);
			a->key_length = 4;
			(void)inet_ntop(AF_INET, a->key, a->text, sizeof(a->text));
		} else {
			memcpy(a->key, &in6->sin6_addr, 16);
			a->key_length = 8; /* of which the rest says nothing */
			(void)inet_ntop(AF_INET6, &in6->sin6_addr, a->text, sizeof(a->text));
		}
	} else {
		a->key_length = 1;
		memcpy(a->text, "local", 6);
	}
}

/* An address as people write it, in brackets or with a port too. False: it is none. */
static bool fill_text(struct address *a, const char *text, size_t n)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	char copy[INET6_ADDRSTRLEN + 8];
	char *end;

	if (n == 0 || n >= sizeof(copy))
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (copy[0] == '[') {
		end = strchr(copy, ']');
		if (end)
			*end = '\0';
		memmove(copy, copy + 1, strlen(copy));
	} else if ((end = strchr(copy, ':')) && strchr(copy, '.') && !strchr(end + 1, ':')) {
		*end = '\0';
	}
	if (inet_pton(AF_INET, copy, &in.sin_addr) == 1)
		fill(a, (const struct sockaddr *)&in);
	else if (inet_pton(AF_INET6, copy, &in6.sin6_addr) == 1)
		fill(a, (const struct sockaddr *)&in6);
	else
		return false;
	return true;
}

/* A proxy is one address, and no subscriber's network: it stands for itself, apart from its
 * neighbours. */
static void note_proxy(const struct limits *l, struct address *a)
{
	size_t whole = a->key_length == 8 ? 16 : a->key_length;

	for (size_t i = 0; i < l->n_proxies && !a->proxy; i++)
		a->proxy = l->proxies[i].key_length == whole &&
			   !memcmp(l->proxies[i].key, a->key, whole);
	if (a->proxy)
		a->key_length = whole;
}

int limits_trust(struct limits *l, const char *proxy)
{
	struct address *a = &l->proxies[l->n_proxies];

	if (l->n_proxies == LIMITS_PROXIES_MAX)
		return -ENOSPC;
	if (!fill_text(a, proxy, strlen(proxy)))
		return -EINVAL;
	if (a->key_length == 8)
		a->key_length = 16;
	l->n_proxies++;
	return 0;
}

bool address_is_proxy(const struct address *a)
{
	return a->proxy;
}

/* An address without sockets is forgotten once all its tokens have come back; that is what
 * forgetting it gives it anyway. Run only when the table is full. */
static void drop_idle(void *value, void *data)
{
	struct address *a = value;
	struct limits *l = data;

	if (a->sockets > 0)
		return;
	(void)map_take(&l->addresses, a->key, a->key_length);
	free(a);
}

static struct address *enter(struct limits *l, struct address *probe)
{
	struct address *a;

	if (l->total >= l->total_max)
		return NULL;
	note_proxy(l, probe);
	a = map_get(&l->addresses, probe->key, probe->key_length);
	if (!a) {
		if (l->addresses.n >= LIMITS_ADDRESSES_MAX)
			map_each(&l->addresses, drop_idle, l);
		a = l->addresses.n < LIMITS_ADDRESSES_MAX ? malloc(sizeof(*a)) : NULL;
		if (!a)
			return NULL;
		*a = *probe;
		if (map_put(&l->addresses, a->key, a->key_length, a) < 0) {
			free(a);
			return NULL;
		}
	}
	return limits_enter_again(l, a) ? a : NULL;
}

struct address *limits_enter(struct limits *l, const struct sockaddr *peer)
{
	struct address probe = {0};

	fill(&probe, peer);
	return enter(l, &probe);
}

/* From the right: what stands further left, whoever came has written himself. */
struct address *limits_enter_behind(struct limits *l, struct address *a, const char *list, size_t n)
{
	while (a->proxy && n > 0) {
		struct address probe = {0};
		size_t start = n;

		while (start > 0 && list[start - 1] != ',')
			start--;
		while (n > start && list[n - 1] == ' ')
			n--;
		while (start < n && list[start] == ' ')
			start++;
		if (!fill_text(&probe, list + start, n - start))
			break;
		note_proxy(l, &probe);
		if (!probe.proxy)
			return enter(l, &probe);
		while (start > 0 && list[start - 1] != ',')
			start--;
		n = start > 0 ? start - 1 : 0;
	}
	return limits_enter_again(l, a) ? a : NULL;
}

bool limits_enter_again(struct limits *l, struct address *a)
{
	if ((a->sockets >= l->sockets_max && !a->proxy) || l->total >= l->total_max)
		return false;
	a->sockets++;
	l->total++;
	return true;
}

void limits_leave(struct limits *l, struct address *a)
{
	a->sockets--;
	l->total--;
}

bool limits_take(struct address *a, enum limit_kind kind, uint64_t now_usec)
{
	return rate_take(&a->rates[kind], tokens[kind].rate, tokens[kind].burst, now_usec);
}

const uint8_t *address_network(const struct address *a, size_t *ret_n)
{
	*ret_n = a->key_length;
	return a->key;
}

const char *address_text(const struct address *a)
{
	return a->text;
}

struct rate *address_requests(struct address *a)
{
	return &a->requests;
}

static void drop_rested(void *value, void *data)
{
	struct limits *l = data;
	struct named *n = value;

	if (n->rate.since_usec + NAMED_KEPT_USEC > l->sweep_usec)
		return;
	(void)map_take_str(&l->named, n->name);
	l->named_tokens -= n->token;
	free(n);
}

static bool is_full(const struct limits *l, bool token)
{
	return l->named.n >= NAMED_MAX || (token && l->named_tokens >= NAMED_TOKENS_MAX);
}

struct rate *limits_named(struct limits *l, const char *name, uint64_t now_usec)
{
	struct named *n = map_get_str(&l->named, name);
	bool token = !strncmp(name, "token:", 6);

	if (n)
		return &n->rate;
	if (is_full(l, token) && now_usec - l->sweep_usec >= NAMED_SWEEP_USEC) {
		l->sweep_usec = now_usec;
		map_each(&l->named, drop_rested, l);
	}
	n = is_full(l, token) ? NULL : calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->token = token;
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	if (map_put_str(&l->named, n->name, n) < 0) {
		free(n);
		return NULL;
	}
	l->named_tokens += token;
	return &n->rate;
}
