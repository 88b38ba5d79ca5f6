#include "inference/models/adapter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "inference/formats/safetensors.h"

#define CONFIG_MAX (64u << 10)

static const char *const names[N_ADAPTED] = {"self_attn.q_proj", "self_attn.k_proj",
	"self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"};

struct pair {
	struct weight *a, *b; /* owned; NULL: none. b holds the scale */
};

struct adapter {
	char name[ADAPTER_NAME_MAX + 1];
	uint32_t rank;
	struct pair (*layers)[N_ADAPTED]; /* owned */
};

/* --- reading --- */

static int check_config(const json_t *config, double *ret_scale, uint32_t *ret_rank, struct err *e)
{
	static const char *const unset[] = {"rank_pattern", "alpha_pattern", "modules_to_save",
		"layer_replication", "megatron_config"};
	const char *type, *bias;
	double alpha;

	if (json_get_str(config, "peft_type", 32, &type, e) < 0 ||
		json_opt_str(config, "bias", 32, "none", &bias, e) < 0 ||
		config_u32(config, "r", 1, ADAPTER_RANK_MAX, ret_rank, e) < 0 ||
		config_number(config, "lora_alpha", 0, 1e6, 8, &alpha, e) < 0)
		return -EBADMSG;
	if (strcmp(type, "LORA") != 0)
		return err_set(e, -ENOTSUP, "peft_type '%s' is not supported", type);
	if (strcmp(bias, "none") != 0)
		return err_set(e, -ENOTSUP, "bias '%s' is not supported", bias);
	if (json_is_true(json_object_get(config, "use_dora")) ||
		json_is_true(json_object_get(config, "fan_in_fan_out")))
		return err_set(e, -ENOTSUP, "use_dora and fan_in_fan_out are not supported");
	for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++) {
		const json_t *v = json_object_get(config, unset[i]);

		if (v && !json_is_null(v) && json_object_size(v) + json_array_size(v) > 0)
			return err_set(e, -ENOTSUP, "%s is not supported", unset[i]);
	}
	*ret_scale = json_is_true(json_object_get(config, "use_rslora")) ? alpha / sqrt(*ret_rank)
									 : alpha / *ret_rank;
	return 0;
}

static int take(struct net *net, const struct tensor *t, uint32_t rows, uint32_t columns,
	double scale, struct weight **ret, struct err *e)
{
	struct tensor scaled = *t;
	float *numbers;

	if (t->n_dims != 2 || t->dims[0] != rows || t->dims[1] != columns)
		return err_set(e, -EBADMSG, "'%s' must be %u x %u", t->name, rows, columns);
	if (t->type != TENSOR_F32 && t->type != TENSOR_F16 && t->type != TENSOR_BF16)
		return err_set(e, -ENOTSUP, "'%s' must be F32, F16 or BF16", t->name);
	numbers = calloc(t->count, sizeof(*numbers));
	if (!numbers)
		return err_set(e, -ENOMEM, "out of memory");
	tensor_read(t, 0, t->count, numbers);
	for (uint64_t i = 0; i < t->count; i++)
		numbers[i] *= (float)scale;
	scaled.type = TENSOR_F32;
	scaled.bytes = (const uint8_t *)numbers;
	*ret = net->device->ops->weight_new(net->device, &scaled);
	free(numbers);
	return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int read_pair(struct net *net, const struct safetensors *file, struct adapter *a,
	uint32_t layer, enum adapted which, double scale, size_t *taken, struct err *e)
{
	struct pair *to = &a->layers[layer][which];
	const struct tensor *low, *high;
	uint32_t rows, columns;
	char name[160];
	int r;

	(void)snprintf(name, sizeof(name), "base_model.model.model.layers.%u.%s.lora_A.weight",
		layer, names[which]);
	low = safetensors_find(file, name);
	(void)snprintf(name, sizeof(name), "base_model.model.model.layers.%u.%s.lora_B.weight",
		layer, names[which]);
	high = safetensors_find(file, name);
	if (!low && !high)
		return 0;
	if (!low || !high)
		return err_set(e, -EBADMSG, "'%s' has no counterpart", low ? low->name : name);
	(void)net->family->adapts(net, which, &rows, &columns);
	r = take(net, low, a->rank, columns, 1, &to->a, e);
	if (r == 0)
		r = take(net, high, rows, a->rank, scale, &to->b, e);
	*taken += 2;
	return r;
}

static int read_weights(struct net *net, int folder, struct adapter *a, double scale, struct err *e)
{
	CLEANUP(safetensors_freep) struct safetensors *file = NULL;
	size_t taken = 0;
	int r = safetensors_open(folder, "adapter_model.safetensors", &file, e);

	for (uint32_t i = 0; r == 0 && i < net->layers; i++)
		for (enum adapted which = 0; r == 0 && which < N_ADAPTED; which++)
			r = read_pair(net, file, a, i, which, scale, &taken, e);
	if (r == 0 && taken != safetensors_count(file))
		return err_set(e, -ENOTSUP, "%zu of its %zu tensors are for what cannot be adapted",
			safetensors_count(file) - taken, safetensors_count(file));
	return r;
}

static int read_adapter(struct net *net, int folder, struct adapter *a, struct err *e)
{
	CLEANUP(json_decrefp) json_t *config = NULL;
	CLEANUP(buf_done) struct buf text;
	double scale = 1;
	int r;

	buf_init(&text, CONFIG_MAX);
	r = fs_read(folder, "adapter_config.json", &text, e);
	if (r == 0)
		r = json_parse(text.data, text.len, CONFIG_MAX, &config, e);
	if (r == 0)
		r = check_config(config, &scale, &a->rank, e);
	if (r < 0)
		return err_wrap(e, "adapter_config.json");
	a->layers = calloc(net->layers, sizeof(*a->layers));
	return a->layers ? read_weights(net, folder, a, scale, e)
			 : err_set(e, -ENOMEM, "out of memory");
}

static int add(struct net *net, int all, const char *name, struct err *e)
{
	CLEANUP(closep) int folder = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct adapter *a;
	uint32_t rows, columns;

	if (folder < 0)
		return errno == ENOTDIR ? 0 : err_set(e, -errno, "%s", strerror(errno));
	if (!net->family->adapts || !net->family->adapts(net, 0, &rows, &columns))
		return err_set(e, -ENOTSUP, "%s takes no adapters", net->architecture);
	if (net->n_adapters == ADAPTERS_MAX || strlen(name) > ADAPTER_NAME_MAX)
		return err_set(e, -EMSGSIZE, "at most %d adapters, each name at most %d bytes",
			ADAPTERS_MAX, ADAPTER_NAME_MAX);
	if (!net->adapters)
		net->adapters = calloc(ADAPTERS_MAX, sizeof(struct adapter *));
	a = net->adapters ? calloc(1, sizeof(*a)) : NULL;
	if (!a)
		return err_set(e, -ENOMEM, "out of memory");
	(void)snprintf(a->name, sizeof(a->name), "%s", name);
	net->adapters[net->n_adapters++] = a;
	return read_adapter(net, folder, a, e);
}

int adapters_read(struct net *net, int folder, struct err *e)
{
	int all = openat(folder, "adapters", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	const struct dirent *entry;
	DIR *dir;

	if (all < 0)
		return errno == ENOENT ? 0 : err_set(e, -errno, "adapters: %s", strerror(errno));
	dir = fdopendir(all);
	if (!dir) {
		(void)close(all);
		return err_set(e, -ENOMEM, "out of memory");
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		r = add(net, all, entry->d_name, e);
		if (r < 0)
			(void)err_wrap(e, "adapters/%s", entry->d_name);
	}
	(void)closedir(dir);
	return r;
}

void adapters_free(struct net *net)
{
	for (size_t i = 0; i < net->n_adapters; i++) {
		const struct device_ops *ops = net->device->ops;
		struct adapter *a = net->adapters[i];

		for (uint32_t layer = 0; a->layers && layer < net->layers; layer++)
			for (enum adapted which = 0; which < N_ADAPTED; which++) {
				ops->weight_free(net->device, a->layers[layer][which].a);
				ops->weight_free(net->device, a->layers[layer][which].b);
			}
		free(a->layers);
		free(a);
	}
	free(net->adapters);
}

const char *adapter_name(const struct adapter *a)
{
	return a->name;
}

const struct adapter *adapter_find(const struct net *net, const char *name)
{
	for (size_t i = 0; i < net->n_adapters; i++)
		if (!strcmp(net->adapters[i]->name, name))
			return net->adapters[i];
	return NULL;
}

/* --- applying --- */

size_t adapter_room(const struct net *net, const struct place *places, size_t m)
{
	uint32_t rank = 0, widest = 0, rows, columns;

	for (size_t i = 0; i < m; i++)
		if (places[i].adapter && places[i].adapter->rank > rank)
			rank = places[i].adapter->rank;
	if (rank == 0)
		return 0;
	for (enum adapted which = 0; which < N_ADAPTED; which++) {
		(void)net->family->adapts(net, which, &rows, &columns);
		widest = rows > widest ? rows : widest;
	}
	return (size_t)rank + widest;
}

void adapter_apply(struct net *net, const struct place *places, size_t m, uint32_t layer,
	enum adapted which, const float *x, float *y, float *room)
{
	struct device *d = net->device;
	uint32_t out, in;

	if (!room)
		return;
	(void)net->family->adapts(net, which, &out, &in);
	for (size_t i = 0, n; i < m; i += n) {
		const struct adapter *a = places[i].adapter;
		const struct pair *p = a ? &a->layers[layer][which] : NULL;

		for (n = 1; i + n < m && places[i + n].adapter == a; n++)
			;
		if (!p || !p->a)
			continue;
		d->ops->linear(d, p->a, NULL, x + i * in, n, room);
		d->ops->linear(d, p->b, NULL, room, n, room + n * a->rank);
		d->ops->add(d, room + n * a->rank, y + i * out, n * out);
	}
}
