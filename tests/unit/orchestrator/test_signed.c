#include "orchestrator/hub/signed.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/test.h"

static const struct signed_key key = {.bytes = {1, 2, 3}};
static const struct signed_claim claim = {.verb = SIGNED_PART,
	.repo = "abc",
	.oid = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	.size = 10,
	.expires_sec = 1000,
	.upload = "up",
	.chunk_size = 4,
	.part = 2};

TEST(a_claim_holds_until_it_expires)
{
	char tag[SHA256_HEX + 1];
	struct err e = {0};

	signed_tag(&key, &claim, tag);
	CHECK(signed_check(&key, &claim, tag, 999, NULL) == 0);
	CHECK(signed_check(&key, &claim, tag, 1000, &e) == -ETIME && strstr(e.text, "expired"));
}

TEST(another_value_in_any_field_or_another_key_needs_another_tag)
{
	struct signed_claim others[8];
	struct signed_key foreign = key;
	char tag[SHA256_HEX + 1];

	for (size_t i = 0; i < 8; i++)
		others[i] = claim;
	others[0].verb = SIGNED_COMPLETE;
	others[1].repo[0] = 'x';
	others[2].oid[0] = 'b';
	others[3].size++;
	others[4].expires_sec++;
	others[5].upload[0] = 'x';
	others[6].chunk_size++;
	others[7].part++;
	signed_tag(&key, &claim, tag);
	for (size_t i = 0; i < 8; i++)
		CHECK(signed_check(&key, &others[i], tag, 0, NULL) == -EACCES);
	foreign.bytes[31] = 1;
	CHECK(signed_check(&foreign, &claim, tag, 0, NULL) == -EACCES);
	CHECK(signed_check(&key, &claim, NULL, 0, NULL) == -EACCES);
	CHECK(signed_check(&key, &claim, "", 0, NULL) == -EACCES);
	tag[SHA256_HEX - 1] ^= 1;
	CHECK(signed_check(&key, &claim, tag, 0, NULL) == -EACCES);
}

TEST(the_address_holds_every_field)
{
	char tag[SHA256_HEX + 1], want[512];
	struct buf b;

	buf_init(&b, 1024);
	signed_tag(&key, &claim, tag);
	CHECK(signed_write(&key, &claim, &b) == 0);
	(void)snprintf(want, sizeof(want),
		"part/%s?repo=abc&size=10&exp=1000&upload=up&chunk=4&part=2&sig=%s", claim.oid,
		tag);
	CHECK(!strcmp(buf_str(&b), want));
	buf_done(&b);
}

TEST(a_receipt_is_of_one_part_of_one_file)
{
	char one[SHA256_HEX + 1], other[SHA256_HEX + 1];

	signed_receipt(&key, "up", 1, "7 5.0", one);
	signed_receipt(&key, "up", 1, "7 5.0", other);
	CHECK(!strcmp(one, other));
	signed_receipt(&key, "up", 2, "7 5.0", other);
	CHECK(strcmp(one, other) != 0);
	signed_receipt(&key, "ap", 1, "7 5.0", other);
	CHECK(strcmp(one, other) != 0);
	signed_receipt(&key, "up", 1, "7 5.1", other);
	CHECK(strcmp(one, other) != 0);
}

TEST(a_ticket_is_for_one_repo_and_ends)
{
	char ticket[SIGNED_TICKET_MAX], bad[SIGNED_TICKET_MAX];
	size_t n;

	signed_ticket(&key, "abc", 1000, ticket);
	n = strlen(ticket);
	CHECK(signed_is_ticket(ticket, n));
	CHECK(signed_ticket_check(&key, "abc", ticket, n, 999));
	CHECK(!signed_ticket_check(&key, "abc", ticket, n, 1000));
	CHECK(!signed_ticket_check(&key, "abd", ticket, n, 999));
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, ticket, n + 1);
		bad[i] = bad[i] == '1' ? '2' : '1';
		CHECK(!signed_ticket_check(&key, "abc", bad, n, 999));
		CHECK(!signed_ticket_check(&key, "abc", ticket, i, 999));
	}
	CHECK(!signed_is_ticket("~1", 2) && !signed_is_ticket("index.html", 10));
}

TEST(the_key_is_made_once_and_only_its_owner_may_read_it)
{
	char dir[] = "/tmp/vitrine-signed-XXXXXX", path[64];
	struct signed_key one, two;
	struct stat st;

	CHECK(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/lfs.key", dir);
	CHECK(signed_key_load(path, &one, NULL) == 0 && signed_key_load(path, &two, NULL) == 0);
	CHECK(!memcmp(&one, &two, sizeof(one)));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(unlink(path) == 0 && rmdir(dir) == 0);
}

TEST_MAIN()
