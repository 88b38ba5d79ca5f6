#include "tls/shelf.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/test.h"

#define UPDATES 5

static void sign(X509 *x, EVP_PKEY *key, long left_sec)
{
	X509_NAME *name = X509_get_subject_name(x);
	X509_EXTENSION *hosts =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:one.example");

	CHECK(hosts && X509_set_version(x, 2) == 1);
	CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1);
	CHECK(X509_gmtime_adj(X509_getm_notBefore(x), -86400));
	CHECK(X509_gmtime_adj(X509_getm_notAfter(x), left_sec));
	CHECK(X509_NAME_add_entry_by_txt(
		      name, "CN", MBSTRING_ASC, (const unsigned char *)"one", -1, -1, 0) == 1);
	CHECK(X509_set_issuer_name(x, name) == 1 && X509_add_ext(x, hosts, -1) == 1);
	CHECK(X509_set_pubkey(x, key) == 1 && X509_sign(x, key, EVP_sha256()) > 0);
	X509_EXTENSION_free(hosts);
}

/* Writes a certificate of its own, with the key, as an operator would install it. */
static void issue(const char *dir, const char *name, long left_sec)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	f = fopen(path, "we");
	CHECK(key && x && f);
	sign(x, key, left_sec);
	CHECK(PEM_write_X509(f, x) == 1);
	CHECK(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	CHECK(fclose(f) == 0);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* A client and a server whose wire is memory, after their handshake. */
static void connect_both(SSL *client, SSL *server)
{
	BIO *one, *other;

	CHECK(BIO_new_bio_pair(&one, 65536, &other, 65536) == 1);
	SSL_set_bio(client, one, one);
	SSL_set_bio(server, other, other);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < 8; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	CHECK(SSL_is_init_finished(client) && SSL_is_init_finished(server));
	CHECK(SSL_version(server) == TLS1_3_VERSION);
}

TEST(a_read_ends_after_one_key_update_however_many_there_are)
{
	char dir[] = "/tmp/vitrine-shelf-XXXXXX", byte;
	CLEANUP(tickets_freep) struct tickets *tickets = NULL;
	CLEANUP(shelf_freep) struct shelf *shelf = NULL;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(ctx), *server;
	struct err e = {0};

	CHECK(mkdtemp(dir) && tickets_new(&tickets) == 0);
	issue(dir, "one", 86400);
	CHECK(shelf_new(dir, tickets, &shelf) == 0 && shelf_load(shelf, &e) == 1);
	server = SSL_new(shelf_any(shelf));
	connect_both(client, server);
	for (int i = 0; i < UPDATES; i++) {
		CHECK(SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
		CHECK(SSL_do_handshake(client) == 1);
	}
	CHECK(SSL_write(client, "x", 1) == 1);
	for (int i = 0; i < UPDATES; i++) {
		CHECK(SSL_get_error(server, SSL_read(server, &byte, 1)) == SSL_ERROR_WANT_READ);
		CHECK(BIO_ctrl_pending(SSL_get_rbio(server)) > 0);
	}
	CHECK(SSL_read(server, &byte, 1) == 1 && byte == 'x');
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(ctx);
	CHECK(fs_remove_tree(dir) == 0);
}

TEST(a_certificate_that_is_over_hides_none_that_is_valid)
{
	char dir[] = "/tmp/vitrine-shelf-XXXXXX", path[128];
	CLEANUP(tickets_freep) struct tickets *tickets = NULL;
	CLEANUP(shelf_freep) struct shelf *shelf = NULL;
	struct err e = {0};
	SSL_CTX *valid;

	CHECK(mkdtemp(dir) && tickets_new(&tickets) == 0);
	issue(dir, "acme-one.example", -3600);
	issue(dir, "host", 86400);
	CHECK(shelf_new(dir, tickets, &shelf) == 0 && shelf_load(shelf, &e) == 2);
	valid = shelf_any(shelf);
	CHECK(valid && shelf_find(shelf, "one.example") == valid);
	CHECK(X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(valid))) > 0);
	/* Of two that are valid the first by file name has it; one that is over, alone, too. */
	issue(dir, "a", 86400);
	CHECK(shelf_load(shelf, &e) == 3);
	CHECK(shelf_find(shelf, "one.example") == shelf_any(shelf));
	for (const char *const *name = (const char *const[]){"a", "host", NULL}; *name; name++) {
		(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, *name);
		CHECK(unlink(path) == 0);
	}
	CHECK(shelf_load(shelf, &e) == 1 && shelf_find(shelf, "one.example"));
	CHECK(fs_remove_tree(dir) == 0);
}

TEST_MAIN()
