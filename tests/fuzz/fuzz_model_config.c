/* A config.json from a stranger: read or refused with words, with sizes inside their limits. */
#include "base/json.h"
#include "inference/models/family.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct device *device;
	json_t *config;
	struct net *net;
	struct err e = {0};

	if (!device && device_open("cpu", "scalar", &device, NULL) < 0)
		return 0;
	if (json_parse(data, size, 1 << 20, &config, &e) < 0)
		return 0;
	if (net_configure(config, device, &net, &e) < 0) {
		MUST(e.code < 0 && e.text[0]);
	} else {
		MUST(net->vocab > 0 && net->context > 0 && net->layers > 0 && net->layers <= 256);
		MUST(net->family->decoder ? net->kv_width > 0 : net->width > 0 && net->hidden > 0);
		net_free(net);
	}
	json_decref(config);
	return 0;
}
