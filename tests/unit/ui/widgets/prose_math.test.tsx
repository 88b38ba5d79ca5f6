import assert from "node:assert/strict";
import { before, test } from "node:test";
import { renderToString } from "preact-render-to-string";
import { inAlphabet, renderMath } from "@ui/widgets/prose_math";
import { loadMath, renderProse } from "@ui/widgets/prose_render";
import { assertInert, HOSTILE } from "../support/html";

before(() => loadMath());

const math = (source: string, display = false) => {
  const node = renderMath(source, display);
  return node && renderToString(node).replace(/<\/?semantics>|<annotation.*?<\/annotation>|<\/?math[^>]*>/g, "").replace(/^<mrow>|<\/mrow>$/g, "");
};

for (const [claim, source, expected] of [
  ["letters, numbers and signs", "x = 3.14 - y", "<mrow><mi>x</mi><mo>=</mo><mn>3.14</mn><mo>−</mo><mi>y</mi></mrow>"],
  ["scripts on both sides", "x_i^2", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"],
  ["primes before a power", "f'^2", "<msup><mi>f</mi><mrow><mo>′</mo><mn>2</mn></mrow></msup>"],
  ["fractions and roots", "\\frac{a}{\\sqrt[3]{b}}", "<mfrac><mi>a</mi><mroot><mi>b</mi><mn>3</mn></mroot></mfrac>"],
  ["sums with their limits", "\\sum_{i=1}^n i", '<mrow><munderover><mo movablelimits="true">∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><mi>i</mi></mrow>'],
  ["integrals with theirs", "\\int_0^1", "<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup>"],
  ["Greek", "\\alpha\\Gamma", '<mrow><mi>α</mi><mi mathvariant="normal">Γ</mi></mrow>'],
  ["words", "\\text{if } x", "<mrow><mtext>if\u00a0</mtext><mi>x</mi></mrow>"],
  ["fences that grow", "\\left( x \\right]", '<mrow><mo stretchy="true">(</mo><mi>x</mi><mo stretchy="true">]</mo></mrow>'],
  ["accents", "\\hat{x}", '<mover accent="true"><mi>x</mi><mo stretchy="false">^</mo></mover>'],
] as const) {
  test(`sets ${claim}`, () => {
    assert.equal(math(source), expected);
  });
}

test("sets matrices, cases and aligned lines", () => {
  assert.equal(math("\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}")?.match(/<mtd>/g)?.length, 4);
  assert.match(math("f = \\begin{cases} 0 & x < 0 \\\\ 1 & \\text{else} \\end{cases}") ?? "", /<mo>\{<\/mo><mtable class="math-cases">/);
  assert.equal(math("\\begin{aligned} a &= b \\\\ &= c \\end{aligned}")?.match(/<mtr>/g)?.length, 2);
});

test("letters of other alphabets, with those that Unicode had before", () => {
  assert.equal(inAlphabet("mathbb", "RNx1"), "ℝℕ𝕩𝟙");
  assert.equal(inAlphabet("mathcal", "LA"), "ℒ𝒜");
  assert.equal(inAlphabet("mathbf", "Av"), "𝐀𝐯");
});

for (const source of ["{", "}", "a}", "\\frac{a}", "\\unknown", "\\begin{pmatrix} a", "\\left( x", "x^", "x^a^b", "\\hat", "&", "\\begin{x}\\end{x}", "\\begin{__proto__}\\end{__proto__}", "{".repeat(100) + "}".repeat(100), `${"\\hat".repeat(1000)} x`, `${"\\sqrt".repeat(700)} x`, `x${"^a".repeat(2000)}`, "x".repeat(6000), "\\text{", "\\"]) {
  test(`what is no formula stays as it is written: ${source.slice(0, 30)}`, () => {
    assert.equal(renderMath(source, false), null);
    assertInert(renderToString(renderProse(`$${source}$ and $$${source}$$`)));
  });
}

test("formulas stand in texts, between dollars and brackets; prices do not", () => {
  const out = renderToString(renderProse("Let $x^2$ and \\(y\\) be.\n\n$$\n\\frac{1}{2}\n$$\n\nAnd \\[z\\]"));
  assert.equal(out.match(/<math/g)?.length, 4);
  assert.equal(out.match(/display="block"/g)?.length, 2);
  assert.match(out, /<annotation encoding="application\/x-tex">x\^2<\/annotation>/);
  for (const text of ["It costs $5 and $6.", "\\$x\\$", "`$x$`", "a $ b $ c", "$ x$", "$x", "$$", "US$ and CA$"]) assert.doesNotMatch(renderToString(renderProse(text)), /<math/, text);
});

test("what is hostile in a formula stays text, however much of it there is", () => {
  for (const source of [HOSTILE, "\\text{<script>alert(1)</script>}", "\\mathrm{<img>}", "\\begin{array}{<b>} a \\end{array}", "$".repeat(20_000), "$x".repeat(5000), "\\(".repeat(9000), "\\[".repeat(9000), "$\\".repeat(9000)]) {
    assertInert(renderToString(renderProse(`$${source}$`)));
    assertInert(renderToString(renderProse(`$$\n${source}\n$$`)));
  }
});
