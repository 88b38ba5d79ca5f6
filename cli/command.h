/*
 * Subcommands of vitrine: one file each, a row in main.c. Those that need more have a room: dev/
 * (new, dev, test), repo/ (export, import, …), host/ (up, upgrade, backup, …), tls/, doctor/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct command {
	const char *name;
	const char *usage;                 /* what follows the name */
	const char *help;                  /* one line */
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns the exit status */
	bool admin;                        /* also below `vitrine admin` */
};

int cmd_new(int argc, char **argv);
int cmd_dev(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_builds(int argc, char **argv);
int cmd_rollback(int argc, char **argv);
int cmd_promote(int argc, char **argv);
int cmd_duplicate(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_device(int argc, char **argv);
int cmd_upgrade(int argc, char **argv);
int cmd_usage(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_credit(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_invite(int argc, char **argv);
int cmd_org(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_login(int argc, char **argv);
int cmd_logout(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_open(int argc, char **argv);
int cmd_hardware(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_restart(int argc, char **argv);
int cmd_secrets(int argc, char **argv);
int cmd_variables(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_domain(int argc, char **argv);
int cmd_repo(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_tls(int argc, char **argv);
int cmd_completion(int argc, char **argv);
int cmd_admin(int argc, char **argv);

/* All of them, in the order in which help shows them. Static. */
const struct command *command_table(size_t *ret_n);

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);
void command_print(FILE *out, const struct command *c);

/* Where data is kept when --data is not given: /var/lib/vitrine for root, else
 * $XDG_DATA_HOME/vitrine or ~/.local/share/vitrine. Borrowed, static. */
const char *default_data_dir(void);
