#include "cli/tls/ca.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "cli/tls/acme.h"
#include "cli/tls/certs.h"
#include "tls/cert.h"

#define DAY_SEC 86400
#define CA_DAYS 3650
#define LEAF_DAYS 397 /* more than that some clients refuse */
#define SKEW_SEC 3600 /* clients whose clocks are behind */

struct authority {
	EVP_PKEY *key; /* owned */
	X509 *cert;    /* owned */
};

static void authority_done(struct authority *a)
{
	EVP_PKEY_free(a->key);
	X509_free(a->cert);
}

/* --- names --- */

static bool is_address(const char *name)
{
	struct in6_addr room;

	return inet_pton(AF_INET, name, &room) == 1 || inet_pton(AF_INET6, name, &room) == 1;
}

int ca_names_add(struct ca_names *names, const char *name, struct err *e)
{
	size_t n = strlen(name);
	bool fine = n > 0 && n < sizeof(names->of[0]);

	for (size_t i = 0; fine && i < n && !is_address(name); i++)
		fine = isalnum((unsigned char)name[i]) || name[i] == '-' || name[i] == '.' ||
		       (i == 0 && name[i] == '*' && name[1] == '.');
	if (!fine)
		return err_set(e, -EINVAL, "'%.64s' is no name of a host", name);
	for (size_t i = 0; i < names->n; i++)
		if (!strcasecmp(names->of[i], name))
			return 0;
	if (names->n == CA_NAMES_MAX)
		return err_set(e, -E2BIG, "over %d names", CA_NAMES_MAX);
	for (size_t i = 0; i <= n; i++)
		names->of[names->n][i] = (char)tolower((unsigned char)name[i]);
	names->n++;
	return 0;
}

int ca_names_add_own(struct ca_names *names, struct err *e)
{
	static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
	char host[254] = "";
	int r = 0;

	if (gethostname(host, sizeof(host) - 1) == 0 && host[0])
		r = ca_names_add(names, host, e);
	for (size_t i = 0; r == 0 && i < sizeof(own) / sizeof(own[0]); i++)
		r = ca_names_add(names, own[i], e);
	return r;
}

/* --- certificates --- */

static int failed(const char *what, struct err *e)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(e, -EIO, "cannot %s: %s", what, words ? words : "out of memory");
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *x;
	bool fine;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	fine = x && X509_add_ext(cert, x, -1) == 1;
	X509_EXTENSION_free(x);
	return fine;
}

/* A number that nobody can foresee, and positive: RFC 5280, 4.1.2.2. */
static bool set_serial(X509 *cert)
{
	uint8_t bytes[16];
	BIGNUM *n;
	bool fine;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	fine = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return fine;
}

static X509 *begin_cert(EVP_PKEY *key, const char *name, const X509 *issuer, long days)
{
	X509 *c = X509_new();
	X509_NAME *subject = c ? X509_get_subject_name(c) : NULL;

	if (!c)
		return NULL;
	if (X509_set_version(c, X509_VERSION_3) != 1 || !set_serial(c) ||
		!X509_gmtime_adj(X509_getm_notBefore(c), -SKEW_SEC) ||
		!X509_gmtime_adj(X509_getm_notAfter(c), days * DAY_SEC) ||
		X509_set_pubkey(c, key) != 1 ||
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
			(const unsigned char *)name, -1, -1, 0) != 1 ||
		X509_set_issuer_name(c, issuer ? X509_get_subject_name(issuer) : subject) != 1) {
		X509_free(c);
		return NULL;
	}
	return c;
}

static bool make_authority(struct authority *a)
{
	char host[40] = "this host", name[64];

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(name, sizeof(name), "Vitrine CA of %s", host);
	a->key = EVP_EC_gen("P-256");
	a->cert = a->key ? begin_cert(a->key, name, NULL, CA_DAYS) : NULL;
	return a->cert &&
	       add_extension(
		       a->cert, a->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add_extension(a->cert, a->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       add_extension(a->cert, a->cert, NID_subject_key_identifier, "hash") &&
	       X509_sign(a->cert, a->key, EVP_sha256()) > 0;
}

static int text_of(const X509 *cert, EVP_PKEY *key, struct buf *ret)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	bool fine = bio && (!cert || PEM_write_bio_X509(bio, cert) == 1) &&
		    (!key || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	long n = fine ? BIO_get_mem_data(bio, &bytes) : 0;
	int r = fine ? buf_add(ret, bytes, (size_t)n) : -ENOMEM;

	BIO_free(bio);
	return r;
}

static void path_of(const struct layout *l, const char *file, char ret[LAYOUT_PATH + 32])
{
	(void)snprintf(ret, LAYOUT_PATH + 32, "%s/ca/%s", l->data, file);
}

static int save(const struct layout *l, const char *file, const X509 *cert, EVP_PKEY *key,
	mode_t mode, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	char path[LAYOUT_PATH + 32];
	int r;

	buf_init(&text, CERT_PEM_MAX);
	path_of(l, file, path);
	r = text_of(cert, key, &text);
	if (r == 0)
		r = fs_write_durable(AT_FDCWD, path, text.data, text.len, mode, e);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	return r < 0 && !e->code ? err_set(e, r, "cannot write %s", path) : r;
}

static int load(const struct layout *l, struct authority *a, struct err *e)
{
	char path[LAYOUT_PATH + 32];
	FILE *f;

	path_of(l, "ca.key", path);
	f = fopen(path, "re");
	if (!f)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	a->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	path_of(l, "ca.crt", path);
	f = fopen(path, "re");
	if (!f)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	a->cert = PEM_read_X509(f, NULL, NULL, NULL);
	(void)fclose(f);
	if (!a->key || !a->cert || X509_check_private_key(a->cert, a->key) != 1)
		return failed("read the authority in DATA/ca", e);
	return 0;
}

int ca_prepare(const struct layout *l, char ret_path[LAYOUT_PATH + 32], struct err *e)
{
	CLEANUP(authority_done) struct authority a = {0};
	char dir[LAYOUT_PATH + 32], key[LAYOUT_PATH + 32];
	int r;

	path_of(l, "", dir);
	path_of(l, "ca.key", key);
	path_of(l, "ca.crt", ret_path);
	if (access(key, F_OK) == 0 && access(ret_path, F_OK) == 0)
		return 0;
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	if (!make_authority(&a))
		return failed("make an authority", e);
	/* The certificate comes last: with it, the authority is there. */
	r = save(l, "ca.key", NULL, a.key, 0600, e);
	return r == 0 ? save(l, "ca.crt", a.cert, NULL, 0644, e) : r;
}

static void write_alternatives(const struct ca_names *names, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < names->n && n < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s:%s", i ? "," : "",
			is_address(names->of[i]) ? "IP" : "DNS", names->of[i]);
}

static bool make_leaf(
	const struct authority *a, const struct ca_names *names, EVP_PKEY *key, X509 **ret)
{
	char alternatives[CA_NAMES_MAX * 260];
	X509 *c = begin_cert(key, "Vitrine", a->cert, LEAF_DAYS);

	*ret = c;
	write_alternatives(names, alternatives, sizeof(alternatives));
	return c && add_extension(c, a->cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(c, a->cert, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(c, a->cert, NID_ext_key_usage, "serverAuth") &&
	       add_extension(c, a->cert, NID_subject_key_identifier, "hash") &&
	       add_extension(c, a->cert, NID_authority_key_identifier, "keyid") &&
	       add_extension(c, a->cert, NID_subject_alt_name, alternatives) &&
	       X509_sign(c, a->key, EVP_sha256()) > 0;
}

int ca_issue(const struct layout *l, const struct ca_names *names, struct err *e)
{
	CLEANUP(authority_done) struct authority a = {0};
	CLEANUP(authority_done) struct authority leaf = {0};
	CLEANUP(buf_done) struct buf text;
	int r = load(l, &a, e);

	buf_init(&text, CERT_PEM_MAX);
	if (r < 0)
		return r;
	leaf.key = EVP_EC_gen("P-256");
	if (!leaf.key || !make_leaf(&a, names, leaf.key, &leaf.cert) ||
		text_of(leaf.cert, leaf.key, &text) < 0)
		return failed("make a certificate", e);
	r = certs_put(l, CA_NAME, text.data, text.len, NULL, e);
	explicit_bzero(text.data, text.cap);
	return r;
}

static bool has_name(const struct cert *c, const char *name)
{
	for (size_t i = 0; i < c->n_names; i++)
		if (!strcmp(c->names[i], name))
			return true;
	return false;
}

static int read_given(const struct layout *l, struct cert **ret, struct err *e)
{
	CLEANUP(buf_done) struct buf pem;
	char dir[LAYOUT_PATH + 32], path[LAYOUT_PATH + 64];
	int r;

	buf_init(&pem, CERT_PEM_MAX);
	certs_dir(l, dir);
	(void)snprintf(path, sizeof(path), "%s/" CA_NAME ".pem", dir);
	r = fs_read(AT_FDCWD, path, &pem, e);
	return r < 0 ? r : cert_read(pem.data, pem.len, ret, e);
}

static bool ends_soon(const struct cert *c)
{
	int64_t now = (int64_t)(clock_wall_usec() / USEC_PER_SEC);

	return now < c->not_before_sec ||
	       now >= acme_renew_at_sec(c->not_before_sec, c->not_after_sec);
}

bool ca_is_due(const struct layout *l, const struct ca_names *names)
{
	CLEANUP(cert_freep) struct cert *c = NULL;
	struct err e = {0};

	if (read_given(l, &c, &e) < 0)
		return true;
	for (size_t i = 0; i < names->n; i++)
		if (!has_name(c, names->of[i]))
			return true;
	return c->n_names != names->n || ends_soon(c);
}

int ca_renew(const struct layout *l, struct err *e)
{
	CLEANUP(cert_freep) struct cert *c = NULL;
	CLEANUP(freep) struct ca_names *names = calloc(1, sizeof(*names));
	int r = names ? read_given(l, &c, e) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	for (size_t i = 0; r == 0 && i < c->n_names; i++)
		r = ca_names_add(names, c->names[i], e);
	if (r < 0 || !ends_soon(c))
		return r;
	r = ca_issue(l, names, e);
	return r < 0 ? r : 1;
}
