import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { beginningOf, readApi, typeWords } from "@ui/pages/api_model";
import { filesIn } from "@ui/pages/api_outcome";
import { elementSnippet, FileArgument, javaScriptValue, LANGUAGES, luaLong, pythonValue, shellQuote, snippet } from "@ui/pages/api_snippets";

const NASTY = "O'Neil \"$HOME\" `id` $(id) \\ \\' ]] ]=] </script>\n\u2028é\u0000😀";

const document = {
  info: { title: "T" },
  servers: [{ url: "https://v.example/spaces/ada/x" }],
  security: [{}, { token: [] }],
  paths: {
    "/-/upload": { post: {} },
    "/-/api/greet": {
      post: {
        description: "Greets.",
        requestBody: {
          content: {
            "application/json": {
              schema: {
                properties: {
                  text: { type: "string", title: "Text", maxLength: 9 },
                  times: { type: "number", minimum: 1, default: 2 },
                  mood: { type: "string", enum: ["a", "b"] },
                  pic: { anyOf: [{}, {}], description: "a file" },
                  pics: { type: "array", items: { anyOf: [{}] } },
                  some: { type: "array", items: { type: "string", enum: ["a"] } },
                  any: {},
                },
                required: ["text"],
              },
            },
          },
        },
        responses: { 200: { content: { "application/json": { schema: { properties: { out: { type: ["string", "null"] } } } } } } },
      },
    },
  },
};

test("the document becomes functions with their parameters in order", () => {
  const api = readApi(document);
  const [fn] = api.functions;
  assert.equal(api.functions.length, 1);
  assert.equal(api.private, false);
  assert.deepEqual(
    fn?.parameters.map((p) => [p.name, p.kind, p.required, beginningOf(p)]),
    [
      ["text", "string", true, "Hello"],
      ["times", "number", false, 2],
      ["mood", "choice", false, "a"],
      ["pic", "file", false, undefined],
      ["pics", "files", false, undefined],
      ["some", "choices", false, []],
      ["any", "json", false, undefined],
    ],
  );
  assert.deepEqual(fn?.results, [{ name: "out", title: "", type: "string" }]);
});

for (const hostile of [null, 7, [], {}, { paths: { "/-/api/x": 1 } }, { paths: { "/-/api/x": { post: { requestBody: { content: [] } } } } },
  { paths: { "/-/api/../x": {} }, info: { title: {} }, servers: "x", security: "x" }]) {
  test(`${JSON.stringify(hostile)} breaks nothing`, () => {
    for (const fn of readApi(hostile).functions) assert.deepEqual(fn.parameters, []);
  });
}

test("types are told in words", () => {
  assert.equal(typeWords({ type: ["array", "null"], items: { type: "number" } }), "array of numbers");
  assert.equal(typeWords({}), "any");
  assert.equal(typeWords({ type: ["object", "null"], properties: { file: {} } }), "file");
});

test("a value stays inside its quotes in a shell, in JavaScript and in Lua", () => {
  const text = NASTY.replace("\u0000", ""); // no argument of a program holds it
  assert.equal(execFileSync("sh", ["-c", `printf %s ${shellQuote(text)}`]).toString(), text);
  assert.equal(new Function(`return ${javaScriptValue(NASTY)}`)(), NASTY);
  assert.deepEqual(new Function(`return ${javaScriptValue({ ["__proto__"]: [1, null, { a: true }] })}`)(), JSON.parse('{"__proto__":[1,null,{"a":true}]}'));
  for (const part of ["]]", "]=]", "]", "a]="]) {
    const long = luaLong(part);
    const [, level = ""] = /^\[(=*)\[/.exec(long) ?? [];
    assert.equal(long.indexOf(`]${level}]`), long.length - level.length - 2);
  }
});

test("Python's words are Python's", () => {
  assert.equal(pythonValue([true, false, null, 1.5, "a\n", { b: [] }]), '[True, False, None, 1.5, "a\\n", {"b": []}]');
});

test("names that a language keeps for itself are passed the long way, and a private Space wants its token", () => {
  const call = { url: "https://v.example/spaces/ada/x", private: true, fn: { name: "f", results: [] }, args: [["from", 1], ["pic", new FileArgument("a b'.png")]] as const };
  assert.match(snippet("Python", call), /\*\*\{"from": 1\}/);
  assert.match(snippet("Python", call), /handle_file\("a_b_.png"\)/);
  for (const language of LANGUAGES) assert.match(snippet(language, call), /TOKEN|Bearer/, language);
  assert.match(snippet("curl", call), /^F1=\$\(curl -s --data-binary @a_b_.png /);
  assert.match(snippet("curl", call), /-d '\{"from":1,"pic":'"\$F1"'\}'$/);
  assert.match(elementSnippet(call.url), /src="https:\/\/v.example\/vitrine-space.js"/);
});

test("only the platform's own ids become links", () => {
  const id = "a".repeat(26);
  assert.deepEqual(filesIn({ a: [{ file: id, name: "n", type: "image/png" }], b: { file: "https://evil.example/" } }), [
    { file: id, name: "n", image: true },
  ]);
  assert.deepEqual(filesIn({ file: id, type: "image/svg+xml" }), [{ file: id, name: "file", image: false }]);
});
