#include "tests/support/packets.h"

#include "base/fs.h"

static char dir[64];

static void remove_dir(void)
{
	(void)fs_remove_tree(dir);
}

const char *packets_dir(void)
{
	if (!dir[0]) {
		(void)snprintf(dir, sizeof(dir), "/tmp/vitrine-fuzz-XXXXXX");
		MUST(mkdtemp(dir));
		(void)atexit(remove_dir);
	}
	return dir;
}
