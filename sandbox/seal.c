#include "sandbox/seal.h"

#include <errno.h>
#include <string.h>

#include "sandbox/filters.h"
#include "sandbox/steps/landlock.h"
#include "sandbox/steps/lockdown.h"
#include "sandbox/steps/seccomp.h"

int seal_self(int *ret_landlock_abi, struct err *e)
{
	int abi, r;

	r = lockdown_self();
	if (r < 0)
		return err_set(e, r, "cannot give up new privileges: %s", strerror(-r));
	abi = landlock_deny_all();
	if (abi < 0)
		return err_set(e, abi, "cannot put on Landlock: %s", strerror(-abi));
	r = seccomp_load(&filter_sealed);
	if (r < 0)
		return err_set(e, r, "cannot put on the call filter: %s", strerror(-r));
	*ret_landlock_abi = abi;
	return 0;
}
