/*
 * vitrine-worker: runs one Space.
 *
 * Holds: fd 1 and 2 the log pipe, 3 the app link, 4 the infer link, and nothing else.
 * Who may talk to it: whoever holds the other ends of 3 and 4.
 * Never sees: another Space, a file system, the network, a credential.
 * Gives up after start: everything but reading, writing and memory (sandbox/seal.h), before the
 * first byte of a tenant arrives.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/random.h"
#include "proto/box_class.h"
#include "sdk-lua/host/worker.h"
#ifdef WORKER_SEALS
#include "sandbox/seal.h"
#endif

/* The box's class shows in its address space; without a box it is a small one. */
static size_t heap_of_box(void)
{
	struct rlimit as;

	if (getrlimit(RLIMIT_AS, &as) < 0 || as.rlim_cur == RLIM_INFINITY)
		return (size_t)box_heap_bytes(
			box_class_address_bytes(&box_classes_default.of[BOX_SMALL]));
	return (size_t)box_heap_bytes(as.rlim_cur);
}

static int seal(int *ret_abi, struct err *e)
{
#ifdef WORKER_SEALS
	return seal_self(ret_abi, e);
#else
	(void)ret_abi;
	return err_set(e, -1, "built without the sandbox");
#endif
}

/*
 * jansson would seed its tables when it makes the first one: from /dev/urandom, which a box has
 * not, or gettimeofday, which is a system call, and a deadly one, where the vDSO cannot read the
 * clock.
 */
static void seed_tables(void)
{
	size_t seed;

	random_bytes(&seed, sizeof(seed));
	json_object_seed(seed | 1); /* 0 asks for one of jansson's own */
}

/* "--rehearse": nobody waits for this worker (BOX_REFILL). */
int main(int argc, char **argv)
{
	bool rehearse = argc > 1 && strcmp(argv[1], "--rehearse") == 0;
	struct worker_options options;
	struct worker *w = NULL;
	struct err e = {0};
	int abi = 0, code;

	log_init("worker");
	seed_tables();
	worker_options_default(&options);
	options.app_fd = 3;
	options.infer_fd = 4;
	options.heap_max = heap_of_box();
	if (worker_new(&options, &w, &e) < 0 || (rehearse && worker_rehearse(w, &e) < 0) ||
		seal(&abi, &e) < 0) {
		log_error("%s", e.text);
		return 1;
	}
	if (worker_announce(w, abi) < 0)
		return 1;
	code = worker_run(w);
	/* The kernel takes everything back at once; freeing a tenant's heap piece by piece would
	 * only let it run finalizers. */
	_exit(code);
}
