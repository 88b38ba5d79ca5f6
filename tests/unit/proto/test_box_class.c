#include "proto/box_class.h"

#include <errno.h>

#include "tests/support/test.h"

#define MIB (1ull << 20)

TEST(a_class_takes_memory_and_cpu_in_either_order_or_alone)
{
	struct box_classes c = box_classes_default;

	CHECK(box_classes_set(&c, "small=128M,75%", NULL) == 0);
	CHECK(c.of[BOX_SMALL].memory_bytes == 128 * MIB && c.of[BOX_SMALL].cpu_percent == 75);
	CHECK(box_classes_set(&c, "medium=300%,2G", NULL) == 0);
	CHECK(c.of[BOX_MEDIUM].memory_bytes == 2048 * MIB && c.of[BOX_MEDIUM].cpu_percent == 300);
	CHECK(box_classes_set(&c, "large=4G", NULL) == 0);
	CHECK(c.of[BOX_LARGE].memory_bytes == 4096 * MIB && c.of[BOX_LARGE].cpu_percent == 200);
	CHECK(box_classes_set(&c, "large=6400%", NULL) == 0);
	CHECK(c.of[BOX_LARGE].memory_bytes == 4096 * MIB && c.of[BOX_LARGE].cpu_percent == 6400);
	CHECK(box_classes_set(&c, "small=16M,5%", NULL) == 0);
	CHECK(box_classes_set(&c, "small=256G", NULL) == 0);
	CHECK(c.of[BOX_SMALL].memory_bytes == (256ull << 30) && c.of[BOX_SMALL].cpu_percent == 5);
}

TEST(a_wrong_class_is_refused_with_its_name_field_and_limit)
{
	static const struct {
		const char *text, *words;
	} all[] = {
		{"", "CLASS=VALUE"},
		{"small", "CLASS=VALUE"},
		{"tiny=64M", "no class 'tiny'"},
		{"=64M", "no class ''"},
		{"smal=64M", "no class 'smal'"},
		{"small=", "small: '' is neither"},
		{"small=64", "small: '64' is neither"},
		{"small=64K", "small: '64K' is neither"},
		{"small=-64M", "small: '-64M' is neither"},
		{"small= 64M", "neither"},
		{"small=M", "neither"},
		{"small=%", "neither"},
		{"small=15M", "small: memory is from 16M to 262144M, not 15M"},
		{"medium=0M", "medium: memory is from 16M"},
		{"large=257G", "large: memory is from 16M to 262144M"},
		{"large=4194304G", "large: memory is from 16M to 262144M"},
		{"large=999999999G", "large: memory is from 16M to 262144M"},
		{"large=9999999999M", "neither"},
		{"small=4%", "small: CPU is from 5% to 6400%, not 4%"},
		{"small=6401%", "small: CPU is from 5% to 6400%, not 6401%"},
		{"small=64M,64M", "small: memory is given twice"},
		{"small=50%,50%", "small: CPU is given twice"},
		{"small=64M,", "neither"},
		{"small=64M,50%,", "neither"},
		{"small=64M50%", "too much"},
		{"small=64M,50% ", "too much"},
		{"small=64M,medium=64M", "neither"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct box_classes c = box_classes_default;
		struct err e = {0};

		CHECK(box_classes_set(&c, all[i].text, &e) == -EINVAL);
		if (!strstr(e.text, all[i].words))
			fprintf(stderr, "'%s': %s\n", all[i].text, e.text);
		CHECK(strstr(e.text, all[i].words));
		CHECK(memcmp(&c, &box_classes_default, sizeof(c)) == 0);
	}
}

TEST(what_is_written_is_read_again)
{
	struct box_classes c = box_classes_default, again = {0};

	CHECK(box_classes_set(&c, "medium=3G,250%", NULL) == 0);
	for (unsigned int i = BOX_SMALL; i < BOX_CLASSES; i++) {
		char text[64];

		box_class_write(&c, i, text);
		CHECK(box_classes_set(&again, text, NULL) == 0);
	}
	CHECK(memcmp(&c, &again, sizeof(c)) == 0);
}

TEST(class_names_are_whole_words)
{
	CHECK(box_class_number("small", 5) == BOX_SMALL);
	CHECK(box_class_number("medium", 6) == BOX_MEDIUM);
	CHECK(box_class_number("large", 5) == BOX_LARGE);
	CHECK(box_class_number("smaller", 7) < 0 && box_class_number("smal", 4) < 0);
	CHECK(box_class_number("", 0) < 0 && box_class_number("Small", 5) < 0);
}

TEST(the_heap_fits_into_the_memory_of_every_class_and_grows_with_it)
{
	uint64_t last = 0;

	for (uint64_t mib = 16; mib <= 256 << 10; mib += 16) {
		const struct box_class c = {mib * MIB, 50};
		uint64_t heap = box_heap_bytes(box_class_address_bytes(&c));

		CHECK(heap >= c.memory_bytes / 2 && heap < c.memory_bytes && heap >= last);
		CHECK(box_class_address_bytes(&c) > c.memory_bytes);
		last = heap;
	}
	/* As docs/sdk.md says of the classes nobody changed. */
	CHECK(box_heap_bytes(box_class_address_bytes(&box_classes_default.of[BOX_SMALL])) ==
		48 * MIB);
	CHECK(box_heap_bytes(box_class_address_bytes(&box_classes_default.of[BOX_MEDIUM])) ==
		224 * MIB);
	CHECK(box_heap_bytes(box_class_address_bytes(&box_classes_default.of[BOX_LARGE])) ==
		960 * MIB);
	CHECK(box_heap_bytes(0) == box_heap_bytes(1) && box_heap_bytes(0) > 0);
}

TEST(a_pool_is_a_number_per_class)
{
	struct box_pool p = box_pool_default;
	char text[128];

	CHECK(p.of[BOX_SMALL] == 2 && p.of[BOX_MEDIUM] == BOX_POOL_AUTO);
	CHECK(box_pool_set(&p, "small=3,medium=1", NULL) == 0);
	CHECK(p.of[BOX_SMALL] == 3 && p.of[BOX_MEDIUM] == 1 && p.of[BOX_LARGE] == BOX_POOL_AUTO);
	CHECK(box_pool_set(&p, "large=64", NULL) == 0 && p.of[BOX_LARGE] == 64);
	CHECK(box_pool_set(&p, "small=0", NULL) == 0 && p.of[BOX_SMALL] == 0);
	box_pool_write(&p, text);
	CHECK(!strcmp(text, "small=0,medium=1,large=64"));
}

TEST(a_wrong_pool_is_refused_in_words)
{
	static const struct {
		const char *text, *words;
	} all[] = {
		{"", "CLASS=VALUE"},
		{"3", "CLASS=VALUE"},
		{"tiny=3", "no class 'tiny'"},
		{"small=", "--pool small takes a number from 0 to 64, not ''"},
		{"small=65", "from 0 to 64, not '65'"},
		{"small=-1", "from 0 to 64"},
		{"small=2,", "CLASS=VALUE"},
		{"small=2,medium=x", "--pool medium takes a number from 0 to 64, not 'x'"},
		{"small=2 ", "from 0 to 64"},
		{"small=4294967297", "from 0 to 64"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct box_pool p = box_pool_default;
		struct err e = {0};

		CHECK(box_pool_set(&p, all[i].text, &e) == -EINVAL);
		if (!strstr(e.text, all[i].words))
			fprintf(stderr, "'%s': %s\n", all[i].text, e.text);
		CHECK(strstr(e.text, all[i].words));
		CHECK(memcmp(&p, &box_pool_default, sizeof(p)) == 0);
	}
}

TEST(isolation_is_one_of_two_words)
{
	struct err e = {0};
	bool dense = false;

	CHECK(box_isolation_read("dense", &dense, NULL) == 0 && dense);
	CHECK(box_isolation_read("full", &dense, NULL) == 0 && !dense);
	CHECK(box_isolation_read("", &dense, &e) == -EINVAL && !dense);
	CHECK(strstr(e.text, "full or dense"));
	CHECK(box_isolation_read("densely", &dense, NULL) == -EINVAL);
}

TEST_MAIN()
