/* vitrine hardware: what a Space may run on, and asking for it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/command.h"

static void print_flavour(const json_t *f, const char *current, const char *requested)
{
	const char *name = ask_text(f, "name");
	const json_t *accelerator = json_object_get(f, "accelerator");
	const char *note = !strcmp(name, current)     ? "  it runs on this"
			   : !strcmp(name, requested) ? "  asked for"
						      : "";

	printf("%-32s %-12s %-10s %-12s%s\n", name, ask_text(f, "cpu"), ask_text(f, "ram"),
		accelerator ? ask_text(accelerator, "model") : "", note);
}

static int show(const struct client_options *o, const char *space, bool json)
{
	CLEANUP(json_unrefp) json_t *flavours = NULL;
	CLEANUP(json_unrefp) json_t *runtime = NULL;
	const json_t *hardware, *f;
	size_t i;

	if (ask(o, "GET", NULL, &flavours, "/api/spaces/hardware") != 0 ||
		ask(o, "GET", NULL, &runtime, "/api/spaces/%s/runtime", space) != 0)
		return ASK_FAILED;
	hardware = json_object_get(runtime, "hardware");
	if (json) {
		ask_print(hardware);
		return 0;
	}
	json_array_foreach(flavours, i, f)
		print_flavour(f, ask_text(hardware, "current"), ask_text(hardware, "requested"));
	return 0;
}

static int request(const struct client_options *o, const char *space, const char *name, bool json)
{
	CLEANUP(json_unrefp) json_t *body = json_pack("{s:s}", "flavor", name);
	CLEANUP(json_unrefp) json_t *runtime = NULL;

	if (!body || ask(o, "POST", body, &runtime, "/api/spaces/%s/hardware", space) != 0)
		return ASK_FAILED;
	if (json)
		ask_print(json_object_get(runtime, "hardware"));
	else
		printf("%s asks for %s\n", space, name);
	return 0;
}

int cmd_hardware(int argc, char **argv)
{
	static const struct option known[] = {
		CLIENT_OPTIONS, {"json", no_argument, NULL, 'j'}, {0}};
	struct client_options o = {0};
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (opt == 'j')
			json = true;
		else if (!client_option(&o, opt, optarg))
			return ASK_USAGE;
	}
	if (argc - optind < 1 || argc - optind > 2 || !ask_repo_id(argv[optind])) {
		fprintf(stderr, "usage: see vitrine help hardware\n");
		return ASK_USAGE;
	}
	return optind + 1 < argc ? request(&o, argv[optind], argv[optind + 1], json)
				 : show(&o, argv[optind], json);
}
