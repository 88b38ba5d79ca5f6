#include "orchestrator/repo/secrets.h"

#include "tests/support/test.h"

/* In halves, so that this file itself may be pushed. */
#define HF                                                                                         \
	"hf_"                                                                                      \
	"aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"
#define AWS                                                                                        \
	"AKIA"                                                                                     \
	"Q3EGRZ7LM2XPW5TN"
#define GITHUB                                                                                     \
	"ghp_"                                                                                     \
	"0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R"
#define OPENAI                                                                                     \
	"sk-proj-"                                                                                 \
	"Zx9_Wv8-Ut7Sr6Qp5On4Ml3Kj2Ih1Gf0Ed9Cb8Az7"
#define LINE_64 "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
#define KEY_HEAD                                                                                   \
	"-----BEGIN RSA PRIVATE"                                                                   \
	" KEY-----\n"

static unsigned int count(const char *text, struct secret *ret)
{
	struct secrets_cursor c = {.line = 1};
	struct secret s;
	unsigned int n = 0;

	for (; secrets_next(text, strlen(text), &c, &s); n++)
		if (n == 0)
			*ret = s;
	return n;
}

TEST(each_form_is_found_with_its_line)
{
	static const struct {
		const char *text, *what;
		unsigned int line;
	} good[] = {
		{HF, "hf_", 1},
		{"a = 1\nTOKEN=\"" HF "\"\n", "hf_", 2},
		{"\n\naws_access_key_id = " AWS "\n", "AWS", 3},
		{"https://" GITHUB "@github.com/x", "GitHub", 1},
		{"key: " OPENAI, "OpenAI", 1},
		{"x\n" KEY_HEAD LINE_64 "\n" LINE_64 "\n", "private key", 2},
		{KEY_HEAD "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n" LINE_64 "\n", "private key",
			1},
		{"-----BEGIN OPENSSH PRIVATE"
		 " KEY-----\r\n" LINE_64,
			"private key", 1},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct secret s = {.what = ""};

		CHECK(count(good[i].text, &s) == 1);
		CHECK(strstr(s.what, good[i].what) && s.line == good[i].line);
	}
}

TEST(what_only_looks_like_one_is_none)
{
	static const char *const bad[] = {
		"hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"hf_short",
		"x" HF,
		"AKIA"
		"IOSFODNN7EXAMPLE",
		AWS "Z",
		"risk-"
		"aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcDeFgHiJkL",
		KEY_HEAD "...\n",
		"the head is " KEY_HEAD,
		KEY_HEAD,
		"",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct secret s = {.what = ""};

		if (count(bad[i], &s) != 0) {
			fprintf(stderr, "%zu: %s\n", i, s.what);
			exit(1);
		}
	}
}

TEST(every_one_of_a_text_is_found)
{
	struct secret s;

	CHECK(count(HF " " HF "\n" GITHUB, &s) == 3);
}

/* Read to the end from each of them, this takes hours. */
TEST(a_text_of_nothing_but_beginnings_is_read_in_one_pass)
{
	static char text[(4 << 20) + 1];
	static const char *const words[] = {"SG.", "xoxb-", "glpat-", "github_pat_"};
	struct secret s;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		for (size_t at = 0; at < sizeof(text) - 1; at++)
			text[at] = words[i][at % n];
		(void)count(text, &s);
	}
}

TEST(a_long_secret_is_one)
{
	char text[1200] = HF;
	struct secret s;

	for (size_t at = strlen(HF); at < sizeof(text) - 1; at++)
		text[at] = HF[3 + at % 30];
	CHECK(count(text, &s) == 1);
}

TEST_MAIN()
