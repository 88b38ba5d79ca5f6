#include "orchestrator/space/hardware.h"

#include <errno.h>

#include "base/json.h"
#include "tests/support/test.h"

TEST(each_class_has_a_flavor_and_only_those_have_a_class)
{
	static const char *const classes[] = {"small", "medium", "large"};

	for (size_t i = 0; i < 3; i++)
		CHECK(!strcmp(hardware_class(hardware_flavor(classes[i])), classes[i]));
	CHECK(!hardware_class("t4-small") && !hardware_class("") && !hardware_class("small"));
	CHECK(!strcmp(hardware_flavor("unheard-of"), "cpu-basic"));
}

TEST(a_wish_is_a_word_of_a_client_and_nothing_else)
{
	struct err e = {0};

	CHECK(hardware_check("cpu-upgrade", NULL) == 0 &&
		hardware_check("a10g-largex2", NULL) == 0);
	CHECK(hardware_check("", NULL) == -EINVAL && hardware_check("A", NULL) == -EINVAL);
	CHECK(hardware_check("a b", &e) == -EINVAL && !strncmp(e.text, "flavor: ", 8));
	CHECK(hardware_check("abcdefghijklmnopqrstuvwxyzabcdefg", NULL) == -EINVAL);
}

TEST(the_list_says_what_this_host_gives_and_that_it_costs_nothing)
{
	CLEANUP(json_unrefp) json_t *list = hardware_list(&box_classes_default);
	const json_t *first = json_array_get(list, 0);

	CHECK(json_array_size(list) == 3);
	CHECK(!strcmp(json_string_value(json_object_get(first, "name")), "cpu-basic"));
	CHECK(!strcmp(json_string_value(json_object_get(first, "cpu")), "0.5 vCPUs"));
	CHECK(!strcmp(json_string_value(json_object_get(first, "ram")), "64 MB"));
	CHECK(json_is_null(json_object_get(first, "accelerator")));
	CHECK(json_integer_value(json_object_get(first, "unitCostMicroUSD")) == 0);
}

TEST_MAIN()
