#include "tls/shelf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "gateway/map.h"
#include "tls/cert.h"

#define FILE_MAX 256
#define SESSION_SEC (12 * 3600) /* how long a ticket is good for */
#define SOON_SEC (14 * 86400)   /* before its end people are told */

/* As Mozilla's "intermediate", without DHE. Of TLS 1.3 all that OpenSSL has. */
#define CIPHERS                                                                                    \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

struct entry {
	char file[FILE_MAX];
	SSL_CTX *ctx;      /* owned */
	struct cert *cert; /* owned */
};

struct shelf {
	char *dir;               /* owned */
	struct tickets *tickets; /* borrowed */
	struct entry *entries;   /* owned; by file name */
	size_t n;
	struct map hosts; /* of borrowed entries */
};

int shelf_new(const char *dir, struct tickets *tickets, struct shelf **ret)
{
	CLEANUP(shelf_freep) struct shelf *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	map_init(&s->hosts);
	s->tickets = tickets;
	s->dir = strdup(dir);
	if (!s->dir)
		return -ENOMEM;
	*ret = TAKE_PTR(s);
	return 0;
}

static void entry_done(struct entry *x)
{
	SSL_CTX_free(x->ctx);
	x->cert = cert_free(x->cert);
	x->ctx = NULL;
}

struct shelf *shelf_free(struct shelf *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		entry_done(&s->entries[i]);
	free(s->entries);
	map_done(&s->hosts);
	free(s->dir);
	free(s);
	return NULL;
}

SSL_CTX *shelf_find(const struct shelf *s, const char *host)
{
	char name[CERT_NAME_MAX];
	const struct entry *x;
	size_t n = strlen(host);
	const char *rest;

	if (n >= sizeof(name))
		return NULL;
	for (size_t i = 0; i <= n; i++)
		name[i] = (char)tolower((unsigned char)host[i]);
	if (n > 0 && name[n - 1] == '.')
		name[n - 1] = '\0';
	x = map_get_str(&s->hosts, name);
	/* RFC 6125, 6.4.3: a star stands for one whole label, the first. */
	if (!x && (rest = strchr(name, '.')) && rest > name) {
		char star[CERT_NAME_MAX + 1];

		(void)snprintf(star, sizeof(star), "*%s", rest);
		x = map_get_str(&s->hosts, star);
	}
	return x ? x->ctx : NULL;
}

SSL_CTX *shelf_any(const struct shelf *s)
{
	int64_t now = (int64_t)(clock_wall_usec() / USEC_PER_SEC);

	for (size_t i = 0; i < s->n; i++)
		if (cert_check_time(s->entries[i].cert, now, NULL) == 0)
			return s->entries[i].ctx;
	return s->n ? s->entries[0].ctx : NULL;
}

/* Whether another one has all of its hosts: nobody sees when it ends. */
static bool is_served(const struct shelf *s, const struct entry *x)
{
	for (size_t i = 0; i < x->cert->n_names; i++)
		if (map_get_str(&s->hosts, x->cert->names[i]) == x)
			return true;
	return false;
}

int64_t shelf_first_end(const struct shelf *s, size_t *ret_n)
{
	int64_t first = 0;

	*ret_n = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct entry *x = &s->entries[i];

		if (!is_served(s, x))
			continue;
		(*ret_n)++;
		if (!first || x->cert->not_after_sec < first)
			first = x->cert->not_after_sec;
	}
	return first;
}

/* --- what a connection is to be --- */

static int on_server_name(SSL *ssl, int *alert, void *data)
{
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *ctx = host ? shelf_find(data, host) : NULL;

	(void)alert;
	/* A name that is not ours: the client sees by the certificate who we are. */
	if (ctx && !SSL_set_SSL_CTX(ssl, ctx))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int on_protocols(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
	const unsigned char *offered, unsigned int n, void *data)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)data;
	return SSL_select_next_proto((unsigned char **)ret, ret_n, ours, sizeof(ours) - 1, offered,
		       n) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, 3.2 */
}

static bool set_habits(struct shelf *s, SSL_CTX *ctx)
{
	(void)SSL_CTX_set_options(
		ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
			     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
			     SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_SINGLE_ECDH_USE);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
					    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* With it one SSL_read goes on for as long as the client sends nothing but KeyUpdates, and
	 * everybody else waits. */
	(void)SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_timeout(ctx, SESSION_SEC);
	SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	(void)SSL_CTX_set_tlsext_servername_arg(ctx, s);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"vitrine", 7) == 1 &&
	       tickets_serve(s->tickets, ctx) == 0;
}

static int make_context(struct shelf *s, struct entry *x, struct err *e)
{
	const struct cert *c = x->cert;
	bool fine;

	ERR_clear_error();
	x->ctx = SSL_CTX_new(TLS_server_method());
	fine = x->ctx && set_habits(s, x->ctx) && SSL_CTX_use_certificate(x->ctx, c->leaf) == 1 &&
	       SSL_CTX_use_PrivateKey(x->ctx, c->key) == 1;
	for (int i = 0; fine && i < sk_X509_num(c->chain); i++)
		fine = SSL_CTX_add1_chain_cert(x->ctx, sk_X509_value(c->chain, i)) == 1;
	if (!fine) {
		const char *words = ERR_reason_error_string(ERR_peek_last_error());

		(void)err_set(e, -EBADMSG, "OpenSSL refuses it: %s", words ? words : "no reason");
		ERR_clear_error();
		return -EBADMSG;
	}
	return 0;
}

/* --- reading the folder --- */

static int read_entry(struct shelf *s, int dir, struct entry *x, struct err *e)
{
	CLEANUP(buf_done) struct buf pem;
	int r;

	buf_init(&pem, CERT_PEM_MAX);
	r = fs_read(dir, x->file, &pem, e);
	if (r == 0)
		r = cert_read(pem.data, pem.len, &x->cert, e);
	if (pem.data)
		explicit_bzero(pem.data, pem.cap);
	if (r == 0)
		r = make_context(s, x, e);
	if (r < 0)
		entry_done(x);
	return r;
}

static struct entry *find_file(const struct shelf *s, const char *file)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->entries[i].file, file))
			return &s->entries[i];
	return NULL;
}

/* A new one that is not valid now does not take the place of one that is. */
static void read_or_keep(struct shelf *s, int dir, struct entry *x)
{
	const struct entry *old = find_file(s, x->file);
	int64_t now = (int64_t)(clock_wall_usec() / USEC_PER_SEC);
	struct err e = {0};
	int r = read_entry(s, dir, x, &e);

	if (r == 0)
		r = cert_check_time(x->cert, now, &e);
	if (r == 0) {
		if (x->cert->not_after_sec - now < SOON_SEC)
			log_warn("file=%s expires in %lld days", x->file,
				(long long)((x->cert->not_after_sec - now) / 86400));
		return;
	}
	if (!old || (x->cert && cert_check_time(old->cert, now, NULL) < 0)) {
		log_error("file=%s %s; %s", x->file, e.text,
			x->cert ? "it is served all the same" : "it is left out");
		return;
	}
	log_error("file=%s %s; the one before stays", x->file, e.text);
	entry_done(x);
	x->ctx = old->ctx;
	(void)SSL_CTX_up_ref(x->ctx);
	x->cert = TAKE_PTR(((struct entry *)old)->cert);
}

static int is_pem(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 4 && n < FILE_MAX && !strcmp(d->d_name + n - 4, ".pem");
}

static void index_entry(struct shelf *s, struct entry *x)
{
	for (size_t i = 0; i < x->cert->n_names; i++) {
		const char *host = x->cert->names[i];

		if (!map_get_str(&s->hosts, host) && map_put_str(&s->hosts, host, x) < 0)
			log_error("host=%s out of memory", host);
	}
}

/* The first by file name has a host, of those that are valid now if there are any. */
static void index_hosts(struct shelf *s)
{
	int64_t now = (int64_t)(clock_wall_usec() / USEC_PER_SEC);

	for (size_t i = 0; i < s->n; i++)
		if (cert_check_time(s->entries[i].cert, now, NULL) == 0)
			index_entry(s, &s->entries[i]);
	for (size_t i = 0; i < s->n; i++)
		index_entry(s, &s->entries[i]);
}

static void replace(struct shelf *s, struct entry *entries, size_t n)
{
	for (size_t i = 0; i < s->n; i++)
		entry_done(&s->entries[i]);
	free(s->entries);
	map_done(&s->hosts);
	map_init(&s->hosts);
	s->entries = entries;
	s->n = n;
	index_hosts(s);
}

int shelf_load(struct shelf *s, struct err *e)
{
	CLEANUP(closep) int dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **files = NULL;
	struct entry *entries;
	size_t n = 0;
	int found = dir < 0 ? -1 : scandir(s->dir, &files, is_pem, alphasort);

	if (found < 0)
		return err_set(e, -errno, "%s: %s", s->dir, strerror(errno));
	entries = calloc((size_t)found + 1, sizeof(*entries));
	for (int i = 0; i < found; i++) {
		if (entries && n < SHELF_MAX) {
			(void)snprintf(entries[n].file, FILE_MAX, "%s", files[i]->d_name);
			read_or_keep(s, dir, &entries[n]);
			if (entries[n].ctx)
				n++;
		}
		free(files[i]);
	}
	free(files);
	if (!entries)
		return err_set(e, -ENOMEM, "out of memory");
	if (found > SHELF_MAX)
		log_error("%s: over %d certificates; the rest is left out", s->dir, SHELF_MAX);
	replace(s, entries, n);
	return (int)n;
}
