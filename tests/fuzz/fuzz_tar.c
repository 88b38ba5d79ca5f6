/* An archive from elsewhere: files that lie within it, under names that lead nowhere else, or
 * words. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/repo/tar.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("tar", MFD_CLOEXEC), r;
	struct tar_entry f;
	uint64_t at = 0, last = 0;
	struct err e = {0};

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	while ((r = tar_read(fd, size, &at, &f, &e)) > 0) {
		MUST(f.at == last + 512 && f.at + f.size <= at && at <= size && at % 512 == 0);
		MUST(f.name[0] && f.name[0] != '/' && strlen(f.name) <= TAR_NAME_MAX);
		MUST(!strstr(f.name, "../") && strcmp(f.name, "..") != 0);
		last = at;
	}
	MUST(r == 0 || e.text[0]);
	close(fd);
	return 0;
}
