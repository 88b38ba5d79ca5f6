import assert from "node:assert/strict";
import { test } from "node:test";
import {
  logTicksOf,
  nearest,
  numberText,
  PlotReader,
  spanOfX,
  spanOfY,
  spanSaid,
  stops,
  ticksOf,
  timeTicksOf,
  within,
  wordsOf,
  zoomed,
} from "@ui/widgets/plot_model";

const read = (value: unknown, axis: unknown = "auto", window?: number) => new PlotReader().read(value, "line", axis, window);
const ALL: ReadonlySet<number> = new Set([0, 1, 2]);
const texts = (ticks: readonly { text: string }[]) => ticks.map((t) => t.text).join(" ");

test("a tail that grows is read on, and another value begins anew", () => {
  const reader = new PlotReader();
  const series = [{ name: "a", x: [1], y: [1] }];
  assert.deepEqual(reader.read({ series }, "line", "auto", undefined).series[0]?.x, [1]);
  assert.deepEqual(reader.read({ series, tail: "[0,2,3]\n" }, "line", "auto", undefined).series[0]?.y, [1, 3]);
  assert.deepEqual(reader.read({ series, tail: "[0,2,3]\n[0,3,null]\nrubbish\n[9,1,1]\n" }, "line", "auto", undefined).series[0]?.x, [1, 2, 3]);
  assert.deepEqual(reader.read({ series: [{ x: [7], y: [8] }] }, "line", "auto", undefined).series[0]?.x, [7]);
  assert.deepEqual(reader.read({ series, tail: "[0,5,5]\n" }, "line", "auto", 1).series[0]?.x, [5]);
});

test("whatever the value is, it is a picture or none", () => {
  for (const value of [null, 1, "x", [], {}, { series: "x" }, { series: [null, 5, { x: 1, y: 2 }, { y: [{}, "z"] }], tail: 5 }]) {
    const data = read(value);
    spanOfX(data, ALL);
    assert.ok(spanOfY(data, ALL, { from: 0, to: 1 }, true));
  }
});

test("dates make a time axis, words make categories, both as they came", () => {
  const days = read({ series: [{ x: ["2026-01-01", "2026-01-03"], y: [1, 2] }] });
  assert.equal(days.axis, "time");
  assert.equal(wordsOf(days, days.series[0]?.x[1] ?? 0), "2026-01-03");
  const words = read({ series: [{ x: ["b", "a"], y: [1, 2] }, { x: ["a", "__proto__"], y: [3, 4] }] });
  assert.deepEqual(words.categories, ["b", "a", "__proto__"]);
  assert.deepEqual(words.series[1]?.x, [1, 2]);
  assert.equal(read({ series: [{ x: [1.5], y: [1] }] }).axis, "number");
  assert.equal(read({ series: [{ x: [1700000000], y: [1] }] }, "time").series[0]?.x[0], 1700000000000);
});

test("ticks are round numbers inside the span", () => {
  assert.equal(texts(ticksOf({ from: 0, to: 10 }, 5)), "0 2 4 6 8 10");
  assert.equal(texts(ticksOf({ from: -0.25, to: 0.3 }, 5)), "-0.2 0 0.2");
  assert.equal(texts(ticksOf({ from: 0, to: 3_000_000 }, 3)), "0 1M 2M 3M");
  assert.deepEqual(ticksOf({ from: 1, to: 1 }, 5), []);
  assert.deepEqual(ticksOf({ from: 0, to: Infinity }, 5), []);
  assert.equal(texts(logTicksOf({ from: 1, to: 100_000 }, 8)), "1 10 100 1000 10,000 100,000");
  assert.equal(numberText(1e-9, 1e-9), "1.0e-9");
});

test("ticks of time are at round times of the visitor's own clock", () => {
  const from = new Date(2026, 0, 1, 10, 3).getTime();
  assert.equal(texts(timeTicksOf({ from, to: from + 40 * 60_000 }, 4)), "10:10 10:20 10:30 10:40");
  const year = new Date(2025, 10, 15).getTime();
  assert.equal(texts(timeTicksOf({ from: year, to: year + 150 * 86_400_000 }, 5)), "Dec 2026 Feb Mar Apr");
  assert.deepEqual(timeTicksOf({ from: -1e18, to: 1e18 }, 5), []);
});

test("bars and areas stand on zero, lines need not, and a logarithm has no zero", () => {
  const bars = read({ series: [{ kind: "bar", x: [1, 2], y: [5, 9] }] });
  assert.equal(spanOfY(bars, ALL, { from: 0, to: 3 }, false).from, 0);
  const lines = read({ series: [{ x: [1, 2], y: [5, 9] }] });
  assert.ok(spanOfY(lines, ALL, { from: 0, to: 3 }, false).from > 4);
  assert.ok(spanOfY(read({ series: [{ x: [1, 2, 3], y: [0, 5, -1] }] }), ALL, { from: 0, to: 9 }, true).from > 4);
  assert.deepEqual(spanOfX(bars, ALL), { from: 0.5, to: 2.5 });
});

test("only what is in sight is pointed at", () => {
  const data = read({ series: [{ x: [1, 2, 3, 9], y: [1, null, 3, 4] }, { x: [2.2], y: [1] }] });
  assert.deepEqual(nearest(data, ALL, 2.1, { from: 0, to: 5 }), [2, 0]);
  assert.deepEqual(nearest(data, new Set([0]), 8, { from: 0, to: 5 }), [2, -1]);
  assert.deepEqual(stops(data, ALL, { from: 0, to: 5 }), [1, 2, 2.2, 3]);
});

test("zooming stays inside the whole, and out of it is all of it", () => {
  const whole = { from: 0, to: 100 };
  assert.deepEqual(within(zoomed(whole, 0.5, 0), whole), { from: 0, to: 50 });
  assert.deepEqual(within({ from: 80, to: 130 }, whole), { from: 50, to: 100 });
  assert.equal(within(zoomed({ from: 25, to: 75 }, 2, 50), whole), null);
  assert.equal(within({ from: 5, to: 5 }, whole), null);
});

test("a range that an app says counts only when it is one", () => {
  assert.deepEqual(spanSaid([-1, 48]), { from: -1, to: 48 });
  for (const v of [null, [1], [2, 1], [0, Infinity], ["0", 1], { from: 0, to: 1 }]) assert.equal(spanSaid(v), null);
});
