/*
 * Where things are and who owns them: the data folder, one uid per service, and paths that the
 * services can reach even when the clone or the data lie under a closed home directory.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Fixed numbers without names: nothing is added to /etc/passwd, so nothing is left behind. They
 * lie in the range that systemd reserves for transient service users (61184 to 65519). */
enum service_uid {
	UID_ORCHESTRATOR = 61201,
	UID_GATEWAY = 61202,
	UID_AGENT = 61203,
	UID_INFERENCE = 61204,
	UID_BOXD = 61205,
	UID_DOCTOR = 61206, /* the boxd that vitrine doctor starts for itself */
	UID_FETCH = 61207,
	UID_TLS = 61208,
	UID_ACME = 61209, /* who asks authorities for certificates */
};

#define LAYOUT_PATH 512

struct layout {
	bool root;              /* services run under their own uids */
	char data[LAYOUT_PATH]; /* as the operator named it, absolute */
	char bin[LAYOUT_PATH], ui[LAYOUT_PATH], models[LAYOUT_PATH], templates[LAYOUT_PATH];
	/* The same folders as the services see them. */
	char svc_data[LAYOUT_PATH], svc_bin[LAYOUT_PATH], svc_ui[LAYOUT_PATH],
		svc_models[LAYOUT_PATH];
	char run[LAYOUT_PATH]; /* svc_data/run */
	int lock;              /* owned fd: one supervisor per data folder */
};

/* Folders beside the program itself, as the build lays things out, or where `cmake --install` has
 * put them when the program is the installed one; and the default data folder. */
void layout_init(struct layout *l);

/*
 * Whether the data folder is as layout_prepare leaves it: owners and modes. -EPERM with words: it
 * is not. -ENOENT: there is none yet.
 */
int layout_check(const struct layout *l, struct err *e);

/*
 * Creates what is missing, gives each service its folder, takes the lock, and, as root, makes the
 * folders reachable: a private mount namespace with binds below /run/vitrine. -EBUSY: a platform
 * runs here already. Other errnos with the path in the words.
 */
int layout_prepare(struct layout *l, struct err *e);
