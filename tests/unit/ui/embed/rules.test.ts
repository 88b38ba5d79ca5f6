import assert from "node:assert/strict";
import { test } from "node:test";
import { frameAddress, HEIGHT_MAX, readHeight, readTheme } from "@ui/embed/rules";

const PAGE = "https://blog.example/post";

for (const [src, want] of [
  ["https://v.example/spaces/ada/hello", "https://v.example/spaces/ada/hello/-/embed"],
  ["https://v.example/spaces/ada/hello/?a=b#c", "https://v.example/spaces/ada/hello/-/embed?a=b"],
  ["https://v.example/spaces/ada/hello/-/embed", "https://v.example/spaces/ada/hello/-/embed"],
  ["https://ada-hello.v.example", "https://ada-hello.v.example/-/embed"],
  ["https://ada-hello.v.example/?a=b", "https://ada-hello.v.example/-/embed?a=b"],
  ["/spaces/ada/hello", "https://blog.example/spaces/ada/hello/-/embed"],
  ["http://v.example:8080/spaces/ada/He.l_lo", "http://v.example:8080/spaces/ada/He.l_lo/-/embed"],
] as const) {
  test(`${src} is shown from ${want}`, () => assert.equal(frameAddress(src, PAGE, "auto")?.href, want));
}

for (const src of ["", "https://v.example/x", "https://v.example/-/", "javascript:alert(1)", "data:text/html,x", "https://v.example/spaces/ada/hello/-/logs",
  "https://v.example/spaces/ada/..%2f..", "https://", "ftp://v.example/spaces/ada/hello"]) {
  test(`${JSON.stringify(src)} is no Space`, () => assert.equal(frameAddress(src, PAGE, "auto"), null));
}

test("a chosen theme travels in the address", () => {
  assert.equal(frameAddress("/spaces/a/b?x=1", PAGE, "dark")?.search, "?x=1&theme=dark");
});

test("only a height in a message of ours is one, and it has a ceiling", () => {
  assert.equal(readHeight({ vitrine: "height", height: 120.2 }), 121);
  assert.equal(readHeight({ vitrine: "height", height: 1e9 }), HEIGHT_MAX);
  assert.equal(readHeight({ vitrine: "height", height: -5 }), 0);
  for (const bad of [null, 7, "x", {}, { vitrine: "height" }, { vitrine: "height", height: "9" },
    { vitrine: "height", height: Number.NaN }, { vitrine: "height", height: Infinity }, { height: 4 }]) {
    assert.equal(readHeight(bad), null);
  }
});

test("only a theme in a message of ours is one", () => {
  assert.equal(readTheme({ vitrine: "theme", theme: "dark" }), "dark");
  for (const bad of [null, { theme: "dark" }, { vitrine: "theme", theme: "red" }, { vitrine: "theme" }]) {
    assert.equal(readTheme(bad), null);
  }
});
