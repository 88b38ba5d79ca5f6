/* A worker that says that it is sealed, and is not: what vitrine doctor must find out. */
#include "sandbox/seal.h"

int seal_self(int *ret_landlock_abi, struct err *e)
{
	(void)e;
	*ret_landlock_abi = 6;
	return 0;
}
