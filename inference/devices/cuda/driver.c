#include "inference/devices/cuda/driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

/* cuda.h renames functions to their newest version (cuMemAlloc is cuMemAlloc_v2): the symbol is
 * what the macro expands to. */
#define TEXT(x) #x
#define SYMBOL(x) TEXT(x)

int driver_load(struct driver *d, struct err *e)
{
	static const struct {
		const char *name;
		size_t at;
	} calls[] = {
#define CALL(name, arguments) {SYMBOL(name), offsetof(struct driver, name##_)},
		DRIVER_CALLS(CALL)
#undef CALL
	};

	d->library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!d->library)
		return err_set(e, -ENODEV, "no NVIDIA driver: %s", dlerror());
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		void *found = dlsym(d->library, calls[i].name);

		if (!found) {
			driver_unload(d);
			return err_set(e, -ENODEV, "the NVIDIA driver lacks %s", calls[i].name);
		}
		*(void **)((char *)d + calls[i].at) = found;
	}
	return 0;
}

void driver_unload(struct driver *d)
{
	if (d->library)
		(void)dlclose(d->library);
	*d = (struct driver){0};
}
