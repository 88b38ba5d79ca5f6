#include "orchestrator/repo/pickle.h"

#include "tests/support/test.h"

struct bytes {
	const char *data;
	size_t n;
};

static ssize_t read_bytes(void *data, uint64_t at, void *ret, size_t n)
{
	const struct bytes *b = data;

	if (at >= b->n)
		return 0;
	n = n < b->n - at ? n : b->n - (size_t)at;
	memcpy(ret, b->data + at, n);
	return (ssize_t)n;
}

static bool is(const char *data, size_t n, const char *name)
{
	struct bytes b = {data, n};
	const struct pickle_source s = {.size = n, .read = read_bytes, .data = &b};

	return pickle_is(&s, name);
}

#define IS(text, name) is(text, sizeof(text) - 1, name)

/* pickle.dumps({'w': [1.0, 2.0], 'n': 'xxx'}, PROTOCOL) of Python 3.11 */
#define PROTOCOL_0 "(dp0\nVw\np1\n(lp2\nF1.0\naF2.0\nasVn\np3\nVxxx\np4\ns."
#define PROTOCOL_2                                                                                 \
	"\x80\x02}q\x00(X\x01\x00\x00\x00wq\x01]q\x02(G?\xf0\x00\x00\x00\x00\x00\x00G@"            \
	"\x00\x00\x00"                                                                             \
	"\x00\x00\x00\x00"                                                                         \
	"eX\x01\x00\x00\x00nq\x03X\x03\x00\x00\x00xxxq\x04u."
#define PROTOCOL_4                                                                                 \
	"\x80\x04\x95\x29\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01w\x94]\x94(G?"                  \
	"\xf0\x00\x00\x00\x00"                                                                     \
	"\x00\x00G@\x00\x00\x00\x00\x00\x00\x00"                                                   \
	"e\x8c\x01n\x94\x8c\x03xxx\x94u."
/* The head of torch.save's old form: its magic number, a pickle of its own. */
#define TORCH_OLD "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."

TEST(pickles_are_told_by_their_content)
{
	CHECK(IS(PROTOCOL_2, "weights") && IS(PROTOCOL_4, "data.csv") && IS(TORCH_OLD, "model.pt"));
	CHECK(IS(PROTOCOL_0, "old.pkl") && IS(PROTOCOL_0, "pytorch_model.BIN"));
	CHECK(!IS(PROTOCOL_0, "notes.txt") && !IS("aaaaaaaaaaaaaaaaaaaa", "a.bin"));
}

/* A local file header, a central directory entry and the end record, of one empty file. */
#define LOCAL(name, n) "PK\x03\x04\x14\0" ZEROS_20 n "\0\0\0" name
#define CENTRAL(name, n)                                                                           \
	"PK\x01\x02\x14\0\x14\0" ZEROS_20 n "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" name
#define ZEROS_20 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define END(size, at) "PK\x05\x06\0\0\0\0\x01\0\x01\0" size "\0\0\0" at "\0\0\0\0\0"

TEST(a_zip_file_of_torch_is_one_and_others_are_not)
{
	CHECK(IS(LOCAL("archive/data.pkl", "\x10") "x", "model.pth"));
	/* data.pkl is not the first: its list says so. 30 + 3 + 46 + 16 bytes. */
	CHECK(IS(LOCAL("a/b", "\x03") CENTRAL("archive/data.pkl", "\x10") END("\x3e", "\x21"),
		"m.zip"));
	CHECK(!IS(LOCAL("a/b", "\x03") CENTRAL("archive/data.txt", "\x10") END("\x3e", "\x21"),
		"m.pt"));
	CHECK(!IS(LOCAL("a/b", "\x03") CENTRAL("x/archive/data.pkl", "\x12") END("\x40", "\x21"),
		"m.pt"));
	/* Numbers that lie, as those of a zip64 file do: the list is looked for. */
	CHECK(IS(LOCAL("a/b", "\x03") CENTRAL("archive/data.pkl", "\x10") END("\xff", "\xff"),
		"m.zip"));
}

TEST(a_pickle_of_one_long_text_is_one)
{
	static char text[20000] = "\x80\x02X\x00\x40\x00\x00";

	CHECK(is(text, sizeof(text), "a"));
	CHECK(!is(text, 10000, "a")); /* longer than the file */
}

TEST(other_bytes_are_none_whatever_their_name)
{
	static char random[4096];
	unsigned int seed = 1;

	CHECK(!IS("", "model.pt") && !IS("\x80", "model.pt") && !IS("\x80\x02", "model.pt"));
	CHECK(!IS("GGUF\3\0\0\0", "model.bin") && !IS("hello world.", "model.bin"));
	CHECK(!IS("\x80\x09}.", "model") && !IS("\x80\x02\xff\xff\xff.", "model.pkl"));
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < sizeof(random); i++)
			random[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
		CHECK(!is(random, sizeof(random), "model.bin"));
	}
}

TEST_MAIN()
