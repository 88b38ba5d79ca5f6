#include "gateway/prove.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/random.h"
#include "proto/messages.h"

#define TIMEOUT_MS 15000
#define HTTP_OK 200
#define WORDS_MAX 200

struct proof {
	struct proof *next;
	uint32_t seq;
	char host[DOMAIN_NAME_MAX + 1];
	char token[ID_LEN + 1];
};

struct proofs {
	struct proofs_config config;
	struct proof *all; /* owned; under way */
	size_t n;
	uint32_t numbers;
};

int proofs_new(const struct proofs_config *config, struct proofs **ret)
{
	struct proofs *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->config = *config;
	*ret = p;
	return 0;
}

struct proofs *proofs_free(struct proofs *p)
{
	if (!p)
		return NULL;
	while (p->all) {
		struct proof *q = p->all;

		p->all = q->next;
		free(q);
	}
	free(p);
	return NULL;
}

static void sum_of(const struct proofs *p, const struct proof *q, char ret[PROOF_LEN + 1])
{
	char text[sizeof(q->host) + sizeof(q->token) + 16];
	int n = snprintf(text, sizeof(text), "domain\n%s\n%s", q->host, q->token);
	unsigned char mac[EVP_MAX_MD_SIZE] = {0};
	unsigned int length = 0;

	(void)HMAC(EVP_sha256(), p->config.key->bytes, VISITOR_KEY_LEN, (const unsigned char *)text,
		(size_t)n, mac, &length);
	hex_write(mac, PROOF_LEN / 2, ret);
}

static struct proof *find(const struct proofs *p, const char *host, const char *token)
{
	struct proof *q = p->all;

	while (q && (strcmp(q->host, host) != 0 || strcmp(q->token, token) != 0))
		q = q->next;
	return q;
}

static void end(struct proofs *p, struct proof *q, const char *words)
{
	for (struct proof **at = &p->all; *at; at = &(*at)->next)
		if (*at == q) {
			*at = q->next;
			break;
		}
	p->n--;
	p->config.done(q->host, q->token, words, p->config.data);
	free(q);
}

/* Where http is served: as the platform's address says, or where everybody looks for it. */
static int send(struct proofs *p, const struct proof *q)
{
	CLEANUP(json_unrefp) json_t *allow = json_array();
	char url[DOMAIN_NAME_MAX + ID_LEN + 64];
	struct fetch_request m = {.space = "",
		.allow = allow,
		.method = "GET",
		.url = url,
		.timeout_ms = TIMEOUT_MS,
		.prove = true};
	struct frame f = {.type = FETCH_REQUEST, .seq = q->seq};
	CLEANUP(buf_done) struct buf b;
	int r;

	(void)snprintf(url, sizeof(url), "http://%s%s" PROOF_PATH "%s", q->host,
		p->config.hosts->https ? "" : p->config.hosts->port, q->token);
	buf_init(&b, 2048);
	r = allow ? fetch_request_write(&m, &b) : -ENOMEM;
	f.value = b.data;
	f.length = b.len;
	return r < 0 ? r : p->config.fetch(&f, p->config.data);
}

void proofs_ask(struct proofs *p, const char *host, const char *token)
{
	struct proof *q;

	if (find(p, host, token))
		return;
	q = p->n < PROOFS_MAX ? calloc(1, sizeof(*q)) : NULL;
	if (!q) {
		p->config.done(host, token,
			"too many hosts are being looked at; try again in a "
			"minute",
			p->config.data);
		return;
	}
	(void)snprintf(q->host, sizeof(q->host), "%s", host);
	(void)snprintf(q->token, sizeof(q->token), "%s", token);
	q->seq = PROOF_SEQ | ++p->numbers;
	q->next = p->all;
	p->all = q;
	p->n++;
	if (send(p, q) < 0)
		end(p, q, "outgoing HTTP is not there right now; try again in a moment");
}

bool proofs_answer(
	const struct proofs *p, const char *host, const char *token, char ret[PROOF_LEN + 1])
{
	const struct proof *q = find(p, host, token);

	if (q)
		sum_of(p, q, ret);
	return q;
}

/* The body is ours: nobody else can know it. */
static bool is_ours(const struct proofs *p, const struct proof *q, const struct frame *f)
{
	const uint8_t *nul = memchr(f->value, '\0', f->length);
	size_t n = nul ? f->length - (size_t)(nul + 1 - f->value) : 0;
	char sum[PROOF_LEN + 1];

	sum_of(p, q, sum);
	return n == PROOF_LEN && CRYPTO_memcmp(nul + 1, sum, PROOF_LEN) == 0;
}

static void take_answer(struct proofs *p, struct proof *q, const struct frame *f)
{
	const uint8_t *nul = memchr(f->value, '\0', f->length);
	char words[WORDS_MAX + 1];
	struct fetch_answer m;
	struct err e = {0};
	int status;

	if (!nul || fetch_answer_read(&m, f->value, (size_t)(nul - f->value), &e) < 0) {
		end(p, q, "the answer could not be read");
		return;
	}
	status = (int)m.status;
	fetch_answer_done(&m);
	if (status == HTTP_OK && is_ours(p, q, f)) {
		end(p, q, NULL);
		return;
	}
	(void)snprintf(words, sizeof(words),
		"http://%.120s is answered by somebody else: its address in DNS must lead here",
		q->host);
	end(p, q, words);
}

static void take_failed(struct proofs *p, struct proof *q, const struct frame *f)
{
	char words[WORDS_MAX + 1];
	struct fetch_failed m;
	struct err e = {0};

	if (fetch_failed_read(&m, f->value, f->length, &e) < 0) {
		end(p, q, "the answer could not be read");
		return;
	}
	(void)snprintf(words, sizeof(words), "%s", m.message);
	fetch_failed_done(&m);
	end(p, q, words);
}

void proofs_result(struct proofs *p, const struct frame *f)
{
	struct proof *q = p->all;

	while (q && q->seq != f->seq)
		q = q->next;
	if (!q)
		return;
	if (f->type == FETCH_ANSWER)
		take_answer(p, q, f);
	else
		take_failed(p, q, f);
}

void proofs_down(struct proofs *p)
{
	while (p->all)
		end(p, p->all, "outgoing HTTP ended while the host was looked at; try again");
}
