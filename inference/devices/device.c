#include "inference/devices/device.h"

#include <errno.h>
#include <string.h>

static const struct driver {
	const char *name;
	int (*open)(const char *kernels, struct device **ret, struct err *e);
} drivers[] = {
	{"cpu", device_cpu_open},
};

int device_open(const char *name, const char *kernels, struct device **ret, struct err *e)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i].name, name))
			return drivers[i].open(kernels, ret, e);
	return err_set(e, -ENODEV, "device '%s' is not known", name);
}

struct device *device_close(struct device *d)
{
	return d ? d->ops->close(d) : NULL;
}
