/* What a device failed with: said once, read by others only when it is whole. */
#include <stdarg.h>
#include <stdio.h>

#include "inference/devices/device.h"

void device_fail(struct device *d, const char *format, ...)
{
	int sound = DEVICE_SOUND;
	va_list list;

	if (!atomic_compare_exchange_strong(&d->soundness, &sound, DEVICE_FAILING))
		return;
	va_start(list, format);
	(void)vsnprintf(d->fault, sizeof(d->fault), format, list);
	va_end(list);
	atomic_store(&d->soundness, DEVICE_FAULTY);
}

bool device_is_faulty(const struct device *d)
{
	return atomic_load(&d->soundness) == DEVICE_FAULTY;
}

void device_mend(struct device *d)
{
	atomic_store(&d->soundness, DEVICE_SOUND);
}
