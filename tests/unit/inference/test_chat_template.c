#include "inference/engine/chat_template.h"

#include <errno.h>

#include "tests/unit/inference/known.h"

static struct chat_template *read_good(const char *text)
{
	struct chat_template *t = NULL;
	struct err e = {0};

	if (chat_template_new(text, strlen(text), "<s>", "</s>", &t, &e) < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(t);
	return t;
}

static json_t *conversation(void)
{
	return json_pack("[{s:s,s:s},{s:s,s:s},{s:s,s:s}]", "role", "system", "content", "Be kind.",
		"role", "user", "content", " hi ", "role", "assistant", "content", "yes?");
}

static void check(const char *text, const char *want)
{
	CLEANUP(chat_template_freep) struct chat_template *t = read_good(text);
	CLEANUP(json_decrefp) json_t *messages = conversation();
	CLEANUP(buf_done) struct buf out;
	struct err e = {0};

	buf_init(&out, 10000);
	if (chat_template_render(t, messages, NULL, &out, &e) < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(e.code == 0);
	if (strcmp(buf_str(&out), want) != 0)
		fprintf(stderr, "got '%s'\n", buf_str(&out));
	CHECK(!strcmp(buf_str(&out), want));
}

TEST(chatml)
{
	check("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
	      "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
	      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
		"<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n hi <|im_end|>\n"
		"<|im_start|>assistant\nyes?<|im_end|>\n<|im_start|>assistant\n");
}

TEST(zephyr_with_blocks_on_lines_of_their_own)
{
	check("{% for message in messages %}\n"
	      "{% if message['role'] == 'user' %}\n"
	      "{{ '<|user|>\\n' + message['content'] + eos_token }}\n"
	      "{% elif message['role'] == 'system' %}\n"
	      "{{ '<|system|>\\n' + message['content'] + eos_token }}\n"
	      "{% elif message['role'] == 'assistant' %}\n"
	      "{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\n"
	      "{% endif %}\n"
	      "{% if loop.last and add_generation_prompt %}\n"
	      "{{ '<|assistant|>' }}\n"
	      "{% endif %}\n"
	      "{% endfor %}",
		"<|system|>\nBe kind.</s>\n<|user|>\n hi </s>\n<|assistant|>\nyes?</s>\n"
		"<|assistant|>\n");
}

TEST(llama2_with_a_slice_and_raise)
{
	check("{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
	      "{% set system_message = messages[0]['content'] %}{% else %}"
	      "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
	      "{% for message in loop_messages %}"
	      "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
	      "{{ raise_exception('roles must alternate') }}{% endif %}"
	      "{% if loop.index0 == 0 and system_message != false %}"
	      "{% set content = '<<SYS>>' + system_message + '<</SYS>>' + message['content'] %}"
	      "{% else %}{% set content = message['content'] %}{% endif %}"
	      "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' "
	      "[/INST]' }}"
	      "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + "
	      "eos_token }}"
	      "{% endif %}{% endfor %}",
		"<s>[INST] <<SYS>>Be kind.<</SYS>> hi [/INST] yes? </s>");
}

TEST(llama3_with_filters_and_white_space_control)
{
	check("{%- for message in messages -%}\n  {%- set content = '<|' + message['role'] + '|>' "
	      "+ "
	      "message['content'] | trim + '<|eot|>' %}\n"
	      "  {%- if loop.first %}\n    {%- set content = bos_token + content %}\n  {%- endif "
	      "%}\n"
	      "  {{- content }}\n{%- endfor %}\n{#- a comment -#}\n"
	      "{{- '<|assistant|>' if add_generation_prompt else '' }}",
		"<s><|system|>Be "
		"kind.<|eot|><|user|>hi<|eot|><|assistant|>yes?<|eot|><|assistant|>");
}

TEST(tools_are_none_where_there_are_none)
{
	check("{{ 'a' if tools is defined else 'b' }}{{ 'c' if tools is not none }}"
	      "{% if 'x' not in 'xyz' %}!{% endif %}",
		"a");
}

TEST(a_list_of_templates_has_one_for_tools)
{
	json_t *list = json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "default", "template", "plain",
		"name", "tool_use", "template", "{{ tools[0].name }}");
	json_t *more = json_pack("{s:[{s:s}]}", "tools", "name", "clock");
	CLEANUP(chat_template_freep) struct chat_template *t = NULL;
	CLEANUP(json_decrefp) json_t *messages = conversation();
	CLEANUP(buf_done) struct buf out;
	struct err e = {0};

	buf_init(&out, 1000);
	CHECK(chat_template_read(list, "", "", &t, &e) == 0);
	CHECK(chat_template_render(t, messages, NULL, &out, &e) == 0);
	CHECK(chat_template_render(t, messages, more, &out, &e) == 0);
	CHECK(!strcmp(buf_str(&out), "plainclock"));
	t = chat_template_free(t);
	json_array_remove(list, 0);
	CHECK(chat_template_read(list, "", "", &t, &e) == -ENOENT && !t);
	json_decref(more);
	json_decref(list);
}

/* What Jinja says of them: tests/oracle/equal_templates.py --fixture writes the file. */
TEST(templates_of_every_shape_give_what_jinja_gives)
{
	json_t *cases = known_json("tests/unit/inference/data/templates.json"), *row;
	size_t i;

	CHECK(json_array_size(json_object_get(cases, "cases")) > 100);
	json_array_foreach(json_object_get(cases, "cases"), i, row)
	{
		const char *name = json_string_value(json_array_get(row, 0));
		const json_t *template = json_object_get(json_object_get(cases, "templates"), name);
		const json_t *said = json_array_get(json_object_get(cases, "conversations"),
			(size_t)json_integer_value(json_array_get(row, 1)));
		const json_t *want = json_array_get(row, 2);
		CLEANUP(chat_template_freep) struct chat_template *t = NULL;
		CLEANUP(buf_done) struct buf out;
		struct err e = {0};
		int r;

		buf_init(&out, 1 << 20);
		CHECK(chat_template_read(template, "<s>", "</s>", &t, &e) == 0);
		r = chat_template_render(
			t, json_array_get(said, 0), json_array_get(said, 1), &out, &e);
		if (json_is_null(want) ? r == 0
				       : r < 0 || strcmp(buf_str(&out), json_string_value(want))) {
			fprintf(stderr, "%s, conversation %lld: %s\n", name,
				(long long)json_integer_value(json_array_get(row, 1)),
				r < 0 ? e.text : buf_str(&out));
			CHECK(false);
		}
	}
	json_decref(cases);
}

TEST(what_templates_use_beyond_this_is_named_with_its_line)
{
	static const struct refused {
		const char *text, *words;
	} refused[] = {
		{"a\n{% block x %}{% endblock %}", "line 2: statement 'block'"},
		{"{% call f() %}{% endcall %}", "statement 'call'"},
		{"{{ x | urlize }}", "filter 'urlize'"},
		{"{{ x.encode() }}", "method 'encode'"},
		{"{{ lipsum(1) }}", "function 'lipsum'"},
		{"{{ x is callable }}", "test 'callable'"},
		{"{% set 1 = 2 %}", "form of target"},
		{"{% for x in y %}", "a body without 'else'"},
		{"{% if x %}", "a body without 'elif'"},
		{"{{ 'abc }}", "a text without its end"},
		{"{{ a b }}", "the part before 'b'"},
		{"{{ a", "a tag without its end"},
		{"{{ a ? b }}", "a sign"},
		{"{# x", "comment without its end"},
		{"{% raw %}", "raw without its end"},
		{"{% %}", "empty tag"},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct chat_template *t = NULL;
		struct err e = {0};
		int r = chat_template_new(refused[i].text, strlen(refused[i].text), "", "", &t, &e);

		if (r >= 0 || !strstr(e.text, refused[i].words))
			fprintf(stderr, "%s: %d '%s'\n", refused[i].text, r, e.text);
		CHECK(r < 0 && !t && strstr(e.text, refused[i].words));
	}
}

static int render(const char *text, size_t max, struct err *e)
{
	CLEANUP(chat_template_freep) struct chat_template *t = read_good(text);
	CLEANUP(json_decrefp) json_t *messages = conversation();
	CLEANUP(buf_done) struct buf out;

	buf_init(&out, max);
	return chat_template_render(t, messages, NULL, &out, e);
}

TEST(a_template_may_refuse_a_conversation_in_its_words)
{
	struct err e = {0};

	CHECK(render("{{ raise_exception('system role not supported') }}", 100, &e) == -EINVAL);
	CHECK(strstr(e.text, "system role not supported"));
}

TEST(a_template_cannot_run_or_grow_without_end)
{
	struct err e = {0};

	CHECK(render("{% for a in messages %}aaaaaaaaaa{% endfor %}", 20, &e) == -ENOSPC);
	e = (struct err){0};
	CHECK(render("{% set s = '0123456789abcdef' %}{% for a in messages %}{% for b in messages "
		     "%}"
		     "{% for c in messages %}{% set s = s + s %}{% set s = s + s %}{% set s = s + "
		     "s %}"
		     "{% set s = s + s %}{% set s = s + s %}{% set s = s + s %}{% set s = s + s %}"
		     "{% set s = s + s %}{% set s = s + s %}{% set s = s + s %}{% set s = s + s %}"
		     "{% set s = s + s %}{% set s = s + s %}{% set s = s + s %}{% set s = s + s %}"
		     "{% set s = s + s %}{% set s = s + s %}{% endfor %}{% endfor %}{% endfor %}",
		      100, &e) == -ENOSPC);
}

TEST(copies_and_comparisons_cost_as_much_as_they_are_large)
{
	struct err e = {0};

	CHECK(render("{% set x = [1] %}{% for i in range(40) %}{% do x.append(x) %}{% endfor %}",
		      100, &e) < 0);
	e = (struct err){0};
	CHECK(render("{% set n = namespace(x=[1]) %}{% for i in range(40) %}"
		     "{% set n.x = [n.x, n.x] %}{% endfor %}",
		      100, &e) < 0);
	e = (struct err){0};
	CHECK(render("{% set n = namespace(x=[1]) %}{% for i in range(90) %}{% set n.x = [n.x] %}"
		     "{% endfor %}",
		      100, &e) < 0);
}

/* A text of 512 KiB or a list of 10000 in each of 10000 rounds; it would be minutes. */
TEST(what_is_gone_over_costs_as_much_as_it_is_long)
{
	static const char *const rounds[] = {
		"{{ s[7] }}",
		"{{ s[-1] }}",
		"{{ s[5:6] }}",
		"{{ s[0:2000:100] }}",
		"{% if s|length > l %}x{% endif %}",
		"{% if s.find('y') > 0 %}x{% endif %}",
		"{% if 'y' in s %}x{% endif %}",
		"{% if s == s + '' %}x{% endif %}",
		"{% if s < s %}x{% endif %}",
		"{% if s.startswith(s) %}x{% endif %}",
		"{% if d[s] %}x{% endif %}",
		"{% if s in d %}x{% endif %}",
		"{% if d.get(s) %}x{% endif %}",
		"{% if {s: 1} %}x{% endif %}",
		"{% if ('x' * 1000).strip(s) %}x{% endif %}",
		"{% if s|list|length > l %}x{% endif %}",
		"{% if s|first == 'y' %}x{% endif %}",
		"{% if s|int %}x{% endif %}",
		"{% if r|list|length == 0 %}x{% endif %}",
		"{% if r|reverse|length == 0 %}x{% endif %}",
		"{% if 'y' in r %}x{% endif %}",
		"{% if r|select|list|length == 0 %}x{% endif %}",
		"{% if r|map(attribute='x')|list|length == 0 %}x{% endif %}",
		"{% if r|join|length == 0 %}x{% endif %}",
		"{% if r[::2]|length == 0 %}x{% endif %}",
		"{% if 'yy'.startswith([s, s, s]) %}x{% endif %}",
	};

	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		CLEANUP(buf_done) struct buf text;
		struct err e = {0};
		int r;

		buf_init(&text, 4096);
		CHECK(buf_addf(&text,
			      "{%% set s = 'x' * 524288 %%}{%% set r = range(10000) %%}{%% set l = "
			      "1000000000 %%}{%% set d = {'a': 1} %%}{%% for i in range(10000) "
			      "%%}%s"
			      "{%% endfor %%}",
			      rounds[i]) == 0);
		r = render(buf_str(&text), 1 << 20, &e);
		if (r != -EOVERFLOW)
			fprintf(stderr, "%s: %d %s\n", rounds[i], r, e.text);
		CHECK(r == -EOVERFLOW && strstr(e.text, "takes too many steps"));
	}
}

/* What the templates of models do in each round of a long conversation. */
TEST(long_conversations_have_the_steps_they_need)
{
	struct err e = {0};

	CHECK(render("{% set m = range(256)|list %}{% for i in m %}{% if m|length > 3 and m|last "
		     "== 255 "
		     "and (m[i:]|select('odd')|list|length >= 0) and m[0] == 0 %}{{ ('x' * "
		     "1000)|trim }}"
		     "{% endif %}{% endfor %}",
		      1 << 20, &e) == 0);
}

TEST(the_least_number_is_too_large_to_divide)
{
	struct err e = {0};

	CHECK(render("{{ '-9223372036854775808'|int // -1 }}", 100, &e) == -EINVAL);
}

TEST(a_macro_that_calls_itself_is_stopped)
{
	struct err e = {0};

	CHECK(render("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", 100, &e) == -EOVERFLOW);
	e = (struct err){0};
	CHECK(render("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
		      100, &e) == -EOVERFLOW);
	e = (struct err){0};
	CHECK(render("{{ 'x' * 99999999 }}", 100, &e) == -ENOSPC);
}

static void nest(const char *open, const char *middle, const char *close, int n)
{
	CLEANUP(buf_done) struct buf text;
	struct chat_template *t = NULL;

	buf_init(&text, 1 << 20);
	CHECK(buf_add_str(&text, "{{ ") == 0);
	for (int i = 0; i < n; i++)
		CHECK(buf_add_str(&text, open) == 0);
	CHECK(buf_add_str(&text, middle) == 0);
	for (int i = 0; i < n; i++)
		CHECK(buf_add_str(&text, close) == 0);
	CHECK(buf_add_str(&text, " }}") == 0);
	CHECK(chat_template_new(buf_str(&text), text.len, "", "", &t, NULL) < 0);
}

TEST(nesting_has_a_limit)
{
	nest("(", "1", ")", 1000);
	nest("not ", "1", "", 1000);
	nest("-", "1", "", 1000);
	nest("{'a': ", "1", "}", 1000);
	nest("1 if ", "1", " else 2", 1000);
	nest("a[", "1", "]", 1000);
}

TEST_MAIN()
