#include "orchestrator/space/hardware.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name, *pretty;
} flavors[BOX_CLASSES] = {
	[BOX_SMALL] = {"cpu-basic", "CPU basic"},
	[BOX_MEDIUM] = {"cpu-medium", "CPU medium"},
	[BOX_LARGE] = {"cpu-large", "CPU large"},
};

const char *hardware_flavor(const char *class)
{
	int number = box_class_number(class, strlen(class));

	return flavors[number < 0 ? BOX_SMALL : number].name;
}

const char *hardware_class(const char *flavor)
{
	for (unsigned int i = BOX_SMALL; i < BOX_CLASSES; i++)
		if (!strcmp(flavors[i].name, flavor))
			return box_class_name(i);
	return NULL;
}

int hardware_check(const char *flavor, struct err *e)
{
	size_t n = strlen(flavor);

	if (n == 0 || n > FLAVOR_MAX ||
		strspn(flavor, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return err_set(e, -EINVAL,
			"flavor: 1 to %d small letters, digits and '-', like cpu-basic",
			FLAVOR_MAX);
	return 0;
}

static json_t *describe(
	const struct box_class *c, const char *name, const char *pretty, json_t *accelerator)
{
	const char *plural = c->cpu_percent == 100 ? "" : "s";

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:i, s:f, s:s}", "name", name, "prettyName",
		pretty, "cpu", json_sprintf("%g vCPU%s", c->cpu_percent / 100.0, plural), "ram",
		json_sprintf("%llu MB", (unsigned long long)(c->memory_bytes >> 20)), "accelerator",
		accelerator, "unitCostMicroUSD", 0, "unitCostUSD", 0.0, "unitLabel", "hour");
}

json_t *hardware_list(const struct box_classes *classes)
{
	json_t *list = json_array();

	for (unsigned int i = BOX_SMALL; list && i < BOX_CLASSES; i++)
		(void)json_array_append_new(list,
			describe(&classes->of[i], flavors[i].name, flavors[i].pretty, json_null()));
	return list;
}

json_t *hardware_object(
	const struct box_classes *classes, const char *name, const char *class, const char *device)
{
	int number = box_class_number(class, strlen(class));
	json_t *accelerator =
		*device && strcmp(device, "cpu") != 0
			? json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "gpu", "model", device,
				  "quantity", "1", "vram", "", "manufacturer", "")
			: json_null();

	return describe(&classes->of[number < 0 ? BOX_SMALL : number], name, name, accelerator);
}
