/* vitrine admin: what administrators do, under one name; alone, what they want to know first. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static int list(void)
{
	size_t n;
	const struct command *all = command_table(&n);

	for (size_t i = 0; i < n; i++)
		if (all[i].admin)
			command_print(stdout, &all[i]);
	return 0;
}

int cmd_admin(int argc, char **argv)
{
	const struct command *c;

	/* Its answers come first on that screen: problems, who waits, how long the disk lasts. */
	if (argc < 2 || (argv[1][0] == '-' && strcmp(argv[1], "--help") != 0))
		return cmd_status(argc, argv);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return list();
	c = command_find(argv[1]);
	if (!c || !c->admin) {
		fprintf(stderr, "vitrine: 'admin %s' is no command; see vitrine admin help\n",
			argv[1]);
		return 2;
	}
	return c->run(argc - 1, argv + 1);
}
