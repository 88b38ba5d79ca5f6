#include "inference/devices/device.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Plug-ins lie beside the program. */
static int plugin_path(const char *name, char ret[static PATH_MAX + 64])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	(void)snprintf(ret, PATH_MAX + 64, "%s/vitrine-%s.so", self, name);
	return 0;
}

/* Whether every operator is there: all members are pointers. */
static bool is_complete(const struct device_ops *ops)
{
	void *const *member = (void *const *)ops;

	for (size_t i = 0; i < sizeof(*ops) / sizeof(*member); i++)
		if (!member[i])
			return false;
	return true;
}

/* The library stays for the life of the process, as do the threads that a driver may start. */
static int open_plugin(const char *name, struct device **ret, struct err *e)
{
	char path[PATH_MAX + 64];
	const uint32_t *version;
	const struct device_ops *ops;
	device_plugin_open_fn *open;
	void *library;
	int r = plugin_path(name, path);

	if (r < 0)
		return err_set(e, r, "the program's own path: %s", strerror(-r));
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(e, -ENODEV, "device '%s': %s", name, dlerror());
	version = dlsym(library, "device_plugin_version");
	ops = dlsym(library, "device_plugin_ops");
	*(void **)&open = dlsym(library, "device_plugin_open");
	if (!version || *version != DEVICE_PLUGIN_VERSION || !ops || !open)
		return err_set(
			e, -ENODEV, "device '%s': %s was built for another version", name, path);
	if (!is_complete(ops))
		return err_set(e, -ENOSYS, "device '%s': it lacks an operator", name);
	r = open(ret, e);
	return r < 0 ? err_wrap(e, "device '%s'", name) : 0;
}

int device_open(const char *name, const char *kernels, struct device **ret, struct err *e)
{
	if (!strcmp(name, "cpu"))
		return device_cpu_open(kernels, ret, e);
	if (!strcmp(name, "cuda"))
		return open_plugin(name, ret, e);
	return err_set(e, -ENODEV, "device '%s' is not known; there are cpu and cuda", name);
}

void device_spread(struct device *d, unsigned threads)
{
	if (d->ops->spread)
		d->ops->spread(d, threads);
}

struct device *device_close(struct device *d)
{
	return d ? d->ops->close(d) : NULL;
}
