import assert from "node:assert/strict";
import { test } from "node:test";
import { contrast, mix, palette, rulesOf, SCHEMES } from "@ui/pages/look";
import { HOSTILE } from "../support/html";

test("contrast is WCAG's", () => {
  assert.equal(contrast("#000000", "#ffffff"), 21);
  assert.equal(contrast("#777777", "#777777"), 1);
  assert.ok(Math.abs(contrast("#777777", "#ffffff") - 4.478) < 0.001);
});

test("whatever accent an app names, its text can be read in both schemes", () => {
  const steps = ["00", "33", "66", "99", "cc", "ff"];
  for (const r of steps) {
    for (const g of steps) {
      for (const b of steps) {
        for (const scheme of Object.values(SCHEMES)) {
          const { accent, strong, soft, ink } = palette(`#${r}${g}${b}`, scheme);
          for (const [text, ground] of [[ink, accent], [ink, strong], [accent, scheme.surface], [accent, scheme.ground], [accent, soft], [strong, soft]] as const) {
            assert.ok(contrast(text, ground) >= 4.5, `#${r}${g}${b}: ${text} on ${ground} has ${contrast(text, ground)}`);
          }
        }
      }
    }
  }
});

test("an accent that can be read stays as it is", () => {
  assert.equal(palette("#7b2fa0", SCHEMES.light).accent, "#7b2fa0");
  assert.equal(mix("#000000", "#ffffff", 0.5), "#808080");
});

test("a look is variables, and what is none of its words is left out", () => {
  const rules = rulesOf({ accent: "#7b2fa0", radius: 12, font: "serif" });
  assert.match(rules, /^:root \{ --radius: 12px; --radius-large: 19px; --font: ui-serif/);
  assert.match(rules, /--accent: #7b2fa0/);
  assert.match(rules, /prefers-color-scheme: dark[\s\S]*:root\[data-theme="dark"\] \{ --accent: #/);
  for (const bad of [null, 7, "plum", [], {}, { accent: "red" }, { accent: "#000000;} body{}" }, { accent: HOSTILE, font: HOSTILE, radius: HOSTILE }, { radius: 99, font: "__proto__" }, { radius: NaN }]) {
    assert.equal(rulesOf(bad), "");
  }
});
