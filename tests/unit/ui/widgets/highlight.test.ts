import assert from "node:assert/strict";
import { test } from "node:test";
import { tokens, type Kind } from "@ui/widgets/highlight";

const LANGUAGES = ["lua", "python", "py", "js", "tsx", "json", "c", "rust", "go", "sql", "bash", "yaml", "css", "html", "markdown", "none", "", "__proto__", "constructor"];

const of = (kind: Kind, text: string, language: string) => tokens(text, language).filter((t) => t.kind === kind).map((t) => t.text);

test("what a language's words are", () => {
  const lua = 'local x = f("a\\"b") -- [[ c ]]\n--[==[ long\n]==] return [[s]]';
  assert.deepEqual(of("keyword", lua, "lua"), ["local", "return"]);
  assert.deepEqual(of("string", lua, "lua"), ['"a\\"b"', "[[s]]"]);
  assert.deepEqual(of("comment", lua, "lua"), ["-- [[ c ]]", "--[==[ long\n]==]"]);
  assert.deepEqual(of("call", lua, "lua"), ["f"]);
  const python = 'def f(x): # no\n  """doc"""\n  return f"{x}" + 0x1F';
  assert.deepEqual(of("keyword", python, "python"), ["def", "return"]);
  assert.deepEqual(of("number", python, "py"), ["0x1F"]);
  assert.deepEqual(of("key", '{"a": "b", "c" : 1}', "json"), ['"a"', '"c"']);
  assert.deepEqual(of("string", '{"a": "b"}', "json"), ['"b"']);
  assert.deepEqual(of("keyword", "SELECT * FROM t", "sql"), ["SELECT", "FROM"]);
  assert.deepEqual(of("comment", "echo a#b # c", "sh"), ["# c"]);
  assert.deepEqual(of("string", "const a = `x\n${y}` /* z */", "ts"), ["`x\n${y}`"]);
});

const HOSTILE = ['"'.repeat(5000), "[".repeat(20000), "--[[".repeat(5000), "`".repeat(9999), "/*".repeat(9999), "<!--".repeat(5000), "'''".repeat(5000), "\\".repeat(9999), "#".repeat(9999), "a".repeat(59_000), "((((".repeat(9999), "\u0000\ud800x", "<script>alert(1)</script>", "0x".repeat(9999), "r'''", "1e+"];

for (const language of LANGUAGES) {
  test(`the pieces are the text, whatever it is, in ${language || "no language"}`, () => {
    for (const text of HOSTILE) assert.equal(tokens(text, language).map((t) => t.text).join(""), text);
  });
}

test("a text of empty lines does not keep the page from moving", () => {
  const began = performance.now();
  tokens("\n".repeat(59_000), "markdown");
  tokens(" \n".repeat(29_000), "markdown");
  assert.ok(performance.now() - began < 500, "quadratic, it takes seconds");
  assert.deepEqual(of("keyword", "- a\n  * b\n", "markdown"), ["- ", "  * "]);
});

test("code that only machines read stays plain", () => {
  const long = "local x = 1\n".repeat(10_000);
  assert.deepEqual(tokens(long, "lua"), [{ kind: null, text: long }]);
});
