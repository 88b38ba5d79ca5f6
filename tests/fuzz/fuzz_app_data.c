/* What an app asks of vitrine.store, as it comes to the orchestrator: the first byte chooses the
 * operation, the rest are its arguments and, behind a NUL, bytes. */
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "orchestrator/data/data.h"
#include "proto/constants.h"
#include "tests/support/fuzz.h"

static const char *const ops[] = {"get", "set", "delete", "list", "usage", "dump", "file.begin",
	"file.write", "file.end", "file.read", "file.stat", "file.list", "file.remove",
	"snapshot.make", "snapshot.list", "snapshot.remove", "nonsense"};

static struct loop *loop;
static struct offload *offload;
static struct data *kept;
static char dir[64] = "/tmp/vitrine-fuzz-data-XXXXXX";
static size_t answers;

static void answer(uint64_t ticket, uint8_t op, const void *value, size_t n, void *data)
{
	(void)ticket;
	(void)data;
	MUST(op == HOST_DONE || (op == HOST_FAILED && memchr(value, '\0', n)));
	MUST(op != HOST_DONE || (n > 0 && *(const char *)value == '{'));
	answers++;
}

static void clean_up(void)
{
	(void)data_free(kept);
	(void)offload_free(offload);
	(void)loop_free(loop);
	(void)fs_remove_tree(dir);
}

static void begin(void)
{
	struct data_config config = {
		.where = dir, .limits = {.keys = 50, .bytes = 1 << 16, .file_bytes = 1 << 16}};

	MUST(mkdtemp(dir) && loop_new(&loop) == 0 && offload_new(loop, &offload) == 0);
	config.loop = loop;
	config.offload = offload;
	MUST(data_new(&config, &kept, NULL) == 0);
	(void)atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int n;
	char id[32];
	struct data_call c = {.id = id, .space = "s", .user = "", .visitor = "v"};

	if (!kept)
		begin();
	if (size < 1)
		return 0;
	(void)snprintf(id, sizeof(id), "w-%u", ++n);
	c.op = ops[data[0] % (sizeof(ops) / sizeof(ops[0]))];
	c.owner_scope = data[0] & 0x80 ? "" : NULL;
	c.body = data + 1;
	c.n = size - 1;
	answers = 0;
	data_take(kept, &c, 1, answer, NULL);
	while (answers == 0)
		MUST(loop_dispatch(loop, 1000) >= 0);
	MUST(answers == 1);
	return 0;
}
