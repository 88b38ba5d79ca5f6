/* Runs a fuzz target over every file of a corpus folder, so that the seeds are tests of every
 * build and not only of a fuzzing run. An empty or missing folder fails: it would test nothing. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "re");
	uint8_t *bytes = malloc(1 << 20);
	size_t n;

	if (!f || !bytes) {
		perror(path);
		return 1;
	}
	n = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	/* An exact-size copy lets AddressSanitizer see a read past the end. */
	uint8_t *exact = malloc(n ? n : 1);

	for (size_t i = 0; exact && i < n; i++)
		exact[i] = bytes[i];
	if (exact)
		(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *d = argc > 1 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	int files = 0;

	if (!d) {
		perror(argc > 1 ? argv[1] : "corpus");
		return 1;
	}
	while ((entry = readdir(d))) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (replay_file(path))
			return 1;
		files++;
	}
	closedir(d);
	printf("%d inputs replayed\n", files);
	return files ? 0 : 1;
}
