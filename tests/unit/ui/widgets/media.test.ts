// What pictures, drawings and devices come down to, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, cutOf, deviceWords, fitsShape, mayShape, peaksOf, pngSize, recordedType } from "@ui/widgets/media_rules";
import { readGrid, toGrid, type Stroke } from "@ui/widgets/strokes";

function line(points: readonly (readonly [number, number])[], erase = false): Stroke {
  return { colour: "ink", erase, points: points.map(([x, y]) => ({ x, y, w: 0.07 })) };
}

const mean = (pixels: readonly number[], side: number, of: (i: number) => number) => {
  const sum = pixels.reduce((a, p) => a + p, 0);
  return pixels.reduce((a, p, i) => a + p * of(i), 0) / sum / side;
};

test("a sign comes out the same wherever and however large it was drawn", () => {
  const large = toGrid([line([[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]])], 28);
  const small = toGrid([line([[0.5, 0.6], [0.7, 0.6], [0.6, 0.8]])], 28);

  assert.ok(large && small);
  assert.ok(large.every((p, i) => Math.abs(p - (small[i] ?? 0)) <= 2));
});

test("a sign fills the middle of the grid with a line of its own width", () => {
  const grid = toGrid([line([[0.2, 0.5], [0.8, 0.5]])], 28);

  assert.ok(grid);
  const rows = Array.from({ length: 28 }, (_, y) => Math.max(...grid.slice(28 * y, 28 * y + 28)));
  assert.ok(rows.filter((most) => most > 128).length >= 2 && rows.filter((most) => most > 0).length <= 4, rows.join());
  assert.ok(Math.abs(mean(grid, 28, (i) => (i % 28) + 0.5) - 0.5) < 0.02);
  assert.equal(grid.length, 784);
  assert.ok(grid.every((p) => Number.isInteger(p) && p >= 0 && p <= 255));
});

test("an eraser takes ink away, and a pad without ink is nothing", () => {
  const drawn = [line([[0.2, 0.2], [0.8, 0.8]])];
  const sum = (s: readonly Stroke[]) => (toGrid(s, 28) ?? []).reduce((a, p) => a + p, 0);

  assert.ok(sum([...drawn, line([[0.4, 0.4], [0.6, 0.6]], true)]) < sum(drawn));
  assert.equal(toGrid([line([[0.5, 0.5]], true)], 28), null);
  assert.equal(toGrid([], 28), null);
  assert.ok(toGrid([line([[0.5, 0.5]])], 28), "a dot is ink");
});

test("a grid from elsewhere is checked before it is drawn", () => {
  const pixels = new Array(16).fill(7);

  assert.deepEqual(readGrid({ width: 4, height: 4, pixels }), { side: 4, pixels });
  assert.deepEqual(readGrid({ width: 4, height: 4, pixels: pixels.map(() => "x") })?.pixels, pixels.map(() => 0));
  for (const bad of [null, 7, {}, { width: 4, height: 5, pixels }, { width: 1e9, height: 1e9, pixels }, { width: 4, height: 4, pixels: [] }])
    assert.equal(readGrid(bad), null);
});

test("a PNG's size is read from its header, and from nothing else", () => {
  const head = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);

  assert.deepEqual(pngSize(head), [30000, 30000]);
  assert.equal(pngSize(head.slice(0, 20)), null);
  assert.equal(pngSize(new TextEncoder().encode("<script>alert(1)</script>....")), null);
});

test("a device that is not to be had is told in words with a way out", () => {
  assert.match(deviceWords({ name: "NotAllowedError" }, "camera"), /Allow it/);
  assert.match(deviceWords({ name: "NotFoundError" }, "microphone"), /There is no microphone/);
  assert.match(deviceWords({ name: "InsecureContext" }, "camera"), /https/);
  assert.match(deviceWords(null, "camera"), /does not work/);
});

test("a cut lies inside the picture, from any corner, and is none when it is too small", () => {
  assert.deepEqual(cutOf([1.5, 0.5], [0.5, -1]), { x: 0.5, y: 0, width: 0.5, height: 0.5 });
  assert.equal(cutOf([0.5, 0.5], [0.51, 0.9]), null);
});

test("a sound's shape has its peaks, and time reads as a clock", () => {
  const samples = new Float32Array(1000);
  samples[10] = -0.5;
  samples[990] = 2;
  const peaks = peaksOf(samples, 10);

  assert.deepEqual([peaks.length, peaks[0], peaks[9], peaks[5]], [10, 0.5, 1, 0]);
  assert.deepEqual([clock(0), clock(187.9), clock(NaN), clock(Infinity)], ["0:00", "3:07", "0:00", "0:00"]);
  assert.equal(recordedType("audio", (t) => t === "audio/mp4"), "audio/mp4");
  assert.equal(recordedType("video", () => false), "");
});

test("a sound is taken apart for its shape where its length and size are known to be small", () => {
  assert.deepEqual([0.5, 600, Infinity].map(mayShape), [true, true, true]);
  assert.deepEqual([0, 601, NaN].map(mayShape), [false, false, false]);
  assert.deepEqual(["0", "4194304", 4096].map(fitsShape), [true, true, true]);
  assert.deepEqual([null, "", "4194305", "x", 5e6].map(fitsShape), [false, false, false, false, false]);
});
