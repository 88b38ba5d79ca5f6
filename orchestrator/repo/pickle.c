#include "orchestrator/repo/pickle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define WINDOW 8192
#define OPCODES_ENOUGH 64 /* so many that make sense are no accident */
#define OPCODES_MIN 4
#define DIRECTORY_MAX (1u << 20) /* of a zip file's list of names */
#define ZIP_TAIL 66000           /* the end record, and the longest comment behind it */

static const char *const endings[] = {
	".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", NULL};

bool pickle_may_be(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; endings[i]; i++) {
		size_t m = strlen(endings[i]);

		if (n >= m && !strcasecmp(name + n - m, endings[i]))
			return true;
	}
	return false;
}

/* --- opcodes: Python's Lib/pickletools.py --- */

enum argument {
	NONE,
	BYTES_1,
	BYTES_2,
	BYTES_4,
	BYTES_8,
	LINE,
	LINES_2,
	COUNTED_1,
	COUNTED_4,
	COUNTED_8
};

static const struct {
	const char *codes;
	enum argument argument;
} arguments[] = {
	{"().012NQRabdelostu]}\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98", NONE},
	{"Khq\x80\x82", BYTES_1},
	{"M\x83", BYTES_2},
	{"Jjr\x84", BYTES_4},
	{"G\x95", BYTES_8},
	{"FILPSVgp", LINE},
	{"ci", LINES_2},
	{"UC\x8c\x8a", COUNTED_1},
	{"TBX\x8b", COUNTED_4},
	{"\x8d\x8e\x96", COUNTED_8},
};

static bool find_argument(uint8_t code, enum argument *ret)
{
	for (size_t i = 0; code && i < sizeof(arguments) / sizeof(arguments[0]); i++)
		if (strchr(arguments[i].codes, code)) {
			*ret = arguments[i].argument;
			return true;
		}
	return false;
}

static uint64_t little(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* Bytes of the argument that begins at p (n are there); UINT64_MAX: that is none. */
static uint64_t argument_size(enum argument a, const uint8_t *p, size_t n)
{
	static const size_t fixed[] = {[BYTES_1] = 1, [BYTES_2] = 2, [BYTES_4] = 4, [BYTES_8] = 8};
	static const size_t counts[] = {[COUNTED_1] = 1, [COUNTED_4] = 4, [COUNTED_8] = 8};
	const uint8_t *end;

	switch (a) {
	case NONE:
		return 0;
	case LINE:
	case LINES_2:
		end = memchr(p, '\n', n);
		if (end && a == LINES_2)
			end = memchr(end + 1, '\n', n - (size_t)(end + 1 - p));
		return end ? (uint64_t)(end + 1 - p) : UINT64_MAX;
	case COUNTED_1:
	case COUNTED_4:
	case COUNTED_8:
		if (n < counts[a])
			return UINT64_MAX;
		return little(p, counts[a]) > UINT32_MAX * 64ull ? UINT64_MAX
								 : counts[a] + little(p, counts[a]);
	default:
		return fixed[a];
	}
}

struct walk {
	unsigned int opcodes;
	bool stopped; /* at STOP */
	bool nonsense;
	uint64_t at; /* behind the last opcode */
};

static struct walk walk(const uint8_t *p, size_t n)
{
	struct walk w = {.opcodes = 0};

	while (w.at < n && w.opcodes < OPCODES_ENOUGH && !w.stopped && !w.nonsense) {
		uint8_t code = p[w.at];
		enum argument a;
		uint64_t size;

		if (!find_argument(code, &a)) {
			w.nonsense = true;
			break;
		}
		size = argument_size(a, p + w.at + 1, n - (size_t)w.at - 1);
		/* Cut off by the window's end is not nonsense, but no evidence either. */
		if (size == UINT64_MAX)
			break;
		w.opcodes++;
		w.stopped = code == '.';
		w.at += 1 + size;
	}
	return w;
}

static bool is_binary_pickle(const uint8_t *p, size_t n, uint64_t size)
{
	struct walk w;

	if (n < 3 || p[0] != 0x80 || p[1] < 2 || p[1] > 5)
		return false;
	if (p[2] == 0x95 && (n < 11 || little(p + 3, 8) > size))
		return false;
	w = walk(p, n);
	if (w.nonsense)
		return false;
	/* Or its second thing is one long text. */
	return w.stopped || w.opcodes >= OPCODES_MIN || (w.at > n && w.at <= size);
}

/* Protocols 0 and 1 have no head: a whole program from the first byte to a STOP at the very end. */
static bool is_text_pickle(const uint8_t *p, size_t n, uint64_t size)
{
	struct walk w;

	/* A list, dictionary, tuple or object: what else anybody keeps. */
	if (!n || !strchr("(c]}", p[0]) || !p[0])
		return false;
	w = walk(p, n);
	if (w.nonsense || w.opcodes < 2)
		return false;
	return w.stopped ? w.at == size : w.opcodes == OPCODES_ENOUGH;
}

/* --- torch.save's zip files: APPNOTE.TXT of PKWARE, 4.3 --- */

static bool is_data_pkl(const char *name, size_t n)
{
	static const char want[] = "data.pkl";
	const char *slash = memchr(name, '/', n);
	size_t skip = slash ? (size_t)(slash - name) + 1 : 0;

	return n - skip == strlen(want) && !memcmp(name + skip, want, strlen(want));
}

static bool lists_data_pkl(const uint8_t *p, size_t n)
{
	while (n >= 46 && little(p, 4) == 0x02014b50) {
		size_t name = (size_t)little(p + 28, 2);
		size_t step = 46 + name + (size_t)little(p + 30, 2) + (size_t)little(p + 32, 2);

		if (name > n - 46)
			return false;
		if (is_data_pkl((const char *)p + 46, name))
			return true;
		if (step > n)
			return false;
		p += step;
		n -= step;
	}
	return false;
}

static ssize_t read_tail(
	const struct pickle_source *s, uint8_t *bytes, size_t max, uint64_t *ret_at)
{
	*ret_at = s->size > max ? s->size - max : 0;
	return s->read(s->data, *ret_at, bytes, max);
}

static bool is_torch_zip(const struct pickle_source *s, const uint8_t *head, size_t n)
{
	CLEANUP(freep) uint8_t *bytes = NULL;
	uint64_t at, start = UINT64_MAX, size = 0;
	ssize_t got;

	if (n < 30 || little(head, 4) != 0x04034b50)
		return false;
	/* torch writes it first. */
	if (little(head + 26, 2) <= n - 30 &&
		is_data_pkl((const char *)head + 30, (size_t)little(head + 26, 2)))
		return true;
	bytes = malloc(DIRECTORY_MAX);
	got = bytes ? read_tail(s, bytes, ZIP_TAIL, &at) : -1;
	for (ssize_t i = got - 22; i >= 0 && start == UINT64_MAX; i--)
		if (little(bytes + i, 4) == 0x06054b50) {
			size = little(bytes + i + 12, 4);
			start = little(bytes + i + 16, 4);
			/* Of a zip64 file the numbers stand elsewhere; its list ends right before.
			 */
			if (start == UINT32_MAX || start + size > at + (uint64_t)i)
				start = 0;
		}
	if (start == UINT64_MAX)
		return false;
	if (start == 0) { /* its end is looked through for entries */
		for (ssize_t i = 0; i + 46 <= got; i++)
			if (little(bytes + i, 4) == 0x02014b50 &&
				lists_data_pkl(bytes + i, (size_t)(got - i)))
				return true;
		return false;
	}
	got = s->read(s->data, start, bytes, size < DIRECTORY_MAX ? (size_t)size : DIRECTORY_MAX);
	return got > 0 && lists_data_pkl(bytes, (size_t)got);
}

bool pickle_is(const struct pickle_source *s, const char *name)
{
	uint8_t head[WINDOW];
	ssize_t n = s->read(s->data, 0, head, sizeof(head));

	if (n <= 0)
		return false;
	return is_binary_pickle(head, (size_t)n, s->size) || is_torch_zip(s, head, (size_t)n) ||
	       (pickle_may_be(name) && is_text_pickle(head, (size_t)n, s->size));
}
