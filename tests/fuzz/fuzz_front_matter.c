/* A README.md from a stranger: read within its limits, or refused with a line of README.md. */
#include <string.h>

#include "orchestrator/build/front_matter.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct front_matter f;
	struct err e = {0};
	int r = front_matter_read((const char *)data, size, &f, &e);

	if (r < 0) {
		MUST(!strncmp(e.text, "README.md:", 10) || !strcmp(e.text, "out of memory"));
		return 0;
	}
	MUST(f.n_models <= FRONT_MATTER_MODELS_MAX);
	MUST(f.app_file[0] && f.app_file[0] != '/' && !strstr(f.app_file, "//"));
	MUST(!strcmp(f.class, "small") || !strcmp(f.class, "medium") || !strcmp(f.class, "large"));
	MUST(f.sleep_sec >= 0 && f.sleep_sec <= 604800);
	for (const char *p = f.title; *p; p++)
		MUST((unsigned char)*p >= 0x20);
	front_matter_done(&f);
	return 0;
}
