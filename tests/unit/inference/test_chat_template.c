#include "inference/engine/chat_template.h"

#include <errno.h>

#include "tests/support/test.h"

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
	if (chat_template_render(t, messages, &out, &e) < 0)
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

TEST(tests_and_operators)
{
	check("{{ 'a' if tools is defined else 'b' }}{{ 'c' if messages is not none }}"
	      "{% if 'x' not in 'xyz' %}!{% endif %}",
		"bc");
}

TEST(what_templates_use_beyond_this_is_named_with_its_line)
{
	static const struct refused {
		const char *text, *words;
	} refused[] = {
		{"a\n{% macro f() %}{% endmacro %}", "line 2: statement 'macro'"},
		{"{{ x | tojson }}", "filter 'tojson'"},
		{"{{ x.items() }}", "method 'items'"},
		{"{{ strftime_now('%d') }}", "function 'strftime_now'"},
		{"{{ x is mapping }}", "test 'mapping'"},
		{"{% set ns.x = 1 %}", "form of set"},
		{"{% for x in y %}", "a body without 'endfor'"},
		{"{% if x %}", "a body without 'elif'"},
		{"{{ 'abc }}", "a text without its end"},
		{"{{ a b }}", "the part before"},
		{"{# x", "comment without its end"},
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
	return chat_template_render(t, messages, &out, e);
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
	nest("a[", "1", "]", 1000);
}

TEST_MAIN()
