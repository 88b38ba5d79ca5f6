#include "tls/cert.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHAIN_MAX 8

static const char *library_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());

	return words ? words : "malformed";
}

/* A key with a passphrase: nobody is here to be asked. */
static int refuse_passphrase(char *room, int size, int writing, void *asked)
{
	(void)room;
	(void)size;
	(void)writing;
	*(int *)asked = 1;
	return -1;
}

static int read_key(const void *pem, size_t n, EVP_PKEY **ret, struct err *e)
{
	static const char mark[] = "PRIVATE KEY-----";
	BIO *bio;
	int asked = 0;

	if (!memmem(pem, n, mark, sizeof(mark) - 1))
		return err_set(e, -EBADMSG, "the key: there is none (-----BEGIN PRIVATE KEY-----)");
	bio = BIO_new_mem_buf(pem, (int)n);
	if (!bio)
		return err_set(e, -ENOMEM, "out of memory");
	ERR_clear_error();
	*ret = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &asked);
	BIO_free(bio);
	if (*ret)
		return 0;
	if (asked)
		return err_set(e, -EBADMSG,
			"the key: it has a passphrase; without one, please (openssl pkey)");
	return err_set(e, -EBADMSG, "the key: %s", library_words());
}

static int read_chain(struct cert *c, BIO *bio, struct err *e)
{
	X509 *one;

	ERR_clear_error();
	while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (!c->leaf) {
			c->leaf = one;
		} else if (sk_X509_num(c->chain) >= CHAIN_MAX || !sk_X509_push(c->chain, one)) {
			X509_free(one);
			return err_set(e, -EBADMSG, "over %d certificates", CHAIN_MAX + 1);
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return err_set(e, -EBADMSG, "certificate %d: %s",
			c->leaf ? sk_X509_num(c->chain) + 2 : 1, library_words());
	ERR_clear_error();
	if (!c->leaf)
		return err_set(e, -EBADMSG,
			"the certificate: there is none (-----BEGIN CERTIFICATE-----)");
	return 0;
}

static bool name_is_sane(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-._*:", name[i]))
			return false;
	return n > 0 && n < CERT_NAME_MAX && strlen(name) == n;
}

static void add_name(struct cert *c, const char *name, size_t n)
{
	if (c->n_names == CERT_NAMES_MAX || !name_is_sane(name, n))
		return;
	for (size_t i = 0; i < n; i++)
		c->names[c->n_names][i] = (char)tolower((unsigned char)name[i]);
	c->n_names++;
}

static void add_address(struct cert *c, const ASN1_OCTET_STRING *address)
{
	char text[INET6_ADDRSTRLEN];
	int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;

	if (ASN1_STRING_length(address) != 4 && ASN1_STRING_length(address) != 16)
		return;
	if (inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof(text)))
		add_name(c, text, strlen(text));
}

static int read_names(struct cert *c, struct err *e)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);

	c->names = calloc(CERT_NAMES_MAX, sizeof(*c->names));
	for (int i = 0; c->names && i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);

		if (one->type == GEN_DNS)
			add_name(c, (const char *)ASN1_STRING_get0_data(one->d.dNSName),
				(size_t)ASN1_STRING_length(one->d.dNSName));
		else if (one->type == GEN_IPADD)
			add_address(c, one->d.iPAddress);
	}
	GENERAL_NAMES_free(all);
	if (!c->names)
		return err_set(e, -ENOMEM, "out of memory");
	if (c->n_names == 0)
		return err_set(e, -EBADMSG, "the certificate: it names no host (subjectAltName)");
	return 0;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm tm = {0};

	return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static int check_belonging(const struct cert *c, struct err *e)
{
	if (X509_check_private_key(c->leaf, c->key) != 1)
		return err_set(e, -EBADMSG, "the key is not that of the first certificate");
	if (sk_X509_num(c->chain) > 0 &&
		X509_check_issued(sk_X509_value(c->chain, 0), c->leaf) != X509_V_OK)
		return err_set(e, -EBADMSG,
			"the second certificate has not issued the first: the host's own comes "
			"first, then its issuer's");
	return 0;
}

int cert_read(const void *pem, size_t n, struct cert **ret, struct err *e)
{
	CLEANUP(cert_freep) struct cert *c = calloc(1, sizeof(*c));
	BIO *bio;
	int r;

	if (!c || !(c->chain = sk_X509_new_null()))
		return err_set(e, -ENOMEM, "out of memory");
	if (n > CERT_PEM_MAX)
		return err_set(e, -EBADMSG, "over %d KiB", CERT_PEM_MAX / 1024);
	bio = BIO_new_mem_buf(pem, (int)n);
	if (!bio)
		return err_set(e, -ENOMEM, "out of memory");
	r = read_chain(c, bio, e);
	BIO_free(bio);
	if (r == 0)
		r = read_key(pem, n, &c->key, e);
	if (r == 0)
		r = check_belonging(c, e);
	if (r == 0)
		r = read_names(c, e);
	ERR_clear_error();
	if (r < 0)
		return r;
	c->not_before_sec = seconds_of(X509_get0_notBefore(c->leaf));
	c->not_after_sec = seconds_of(X509_get0_notAfter(c->leaf));
	*ret = TAKE_PTR(c);
	return 0;
}

struct cert *cert_free(struct cert *c)
{
	if (!c)
		return NULL;
	X509_free(c->leaf);
	EVP_PKEY_free(c->key);
	sk_X509_pop_free(c->chain, X509_free);
	free(c->names);
	free(c);
	return NULL;
}

static int refuse_day(struct err *e, const char *what, int64_t sec)
{
	struct tm tm;
	time_t at = (time_t)sec;
	char day[32] = "";

	if (gmtime_r(&at, &tm))
		(void)strftime(day, sizeof(day), "%Y-%m-%d %H:%M", &tm);
	return err_set(e, -EBADMSG, "the certificate %s %s UTC", what, day);
}

int cert_check_time(const struct cert *c, int64_t now_sec, struct err *e)
{
	if (now_sec < c->not_before_sec)
		return refuse_day(e, "is valid only from", c->not_before_sec);
	if (now_sec >= c->not_after_sec)
		return refuse_day(e, "has expired on", c->not_after_sec);
	return 0;
}
