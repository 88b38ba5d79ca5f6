import assert from "node:assert/strict";
import { test } from "node:test";
import { moved, rangeOf } from "@ui/widgets/dataframe_grid";
import { orderOf, parseCell, parseTsv, rowsOf, TableReader, tsvOf, typesOf, withoutRows, withRows } from "@ui/widgets/dataframe_model";

const read = (value: unknown) => {
  const table = new TableReader().read(value);
  assert.ok(table);
  return table;
};
const NONE: ReadonlyMap<string, readonly unknown[]> = new Map();
const MIXED = { headers: ["n", "s"], rows: [[3, "b"], [null, "a"], [1, "B"], [2, "a10"], [10, "a9"]] };

test("rows come from files, from the value, from its tail and from single changes", () => {
  const table = read({ headers: ["a"], parts: [{ file: "f1", rows: 2 }, { file: "f2", rows: 1 }], rows: [[3]], tail: "[4]\n[5]\n", edits: { r1: [9] } });
  assert.equal(table.count, 6);
  const some = rowsOf(table, new Map([["f1", [[0], [1]]]]));
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((i) => some(i)?.[0]), [0, 9, undefined, 3, 4, 5]);
  assert.equal(some(2), undefined);
  const all = rowsOf(table, new Map([["f1", [[0], [1]]], ["f2", [[2]]]]));
  assert.deepEqual(all(2), [2]);
});

test("a tail that grows is read on from where it was", () => {
  const reader = new TableReader();
  const rows = [[0]];
  const first = reader.read({ headers: ["a"], rows, tail: "[1]\n" });
  const second = reader.read({ headers: ["a"], rows, tail: "[1]\n[2]\nnonsense\n" });
  assert.equal(first?.rows[1], second?.rows[1]);
  assert.deepEqual(second?.rows, [[0], [1], [2], []]);
  assert.deepEqual(reader.read({ headers: ["a"], rows, tail: "" })?.rows, [[0]]);
});

test("what is no table is none, and what is no row is empty", () => {
  for (const value of [null, 1, "x", [], {}, { headers: "a" }, { rows: [] }]) assert.equal(new TableReader().read(value), null);
  const hostile = read({ headers: ["__proto__", {}], rows: [null, 5, { 0: 1 }], edits: { __proto__: [1], r0: 7 }, parts: [{ file: "../x", rows: 1 }, { file: "f", rows: -1 }, 3] });
  assert.equal(hostile.parts.length, 0);
  const rowAt = rowsOf(hostile, NONE);
  for (let i = 0; i < 3; i++) assert.deepEqual(rowAt(i), []);
});

test("columns look like their cells", () => {
  const table = read({ headers: ["n", "b", "d", "s", "m"], types: [null, null, null, null, "markdown"], rows: [[1, true, "2026-01-02", "x", "*a*"], [null, false, "2026-01-02T03:04Z", 1, "b"]] });
  assert.deepEqual(typesOf(table, rowsOf(table, NONE)), ["number", "boolean", "date", "string", "markdown"]);
});

test("sorting is stable, knows numbers in words, and puts empty cells last", () => {
  const table = read(MIXED);
  const rowAt = rowsOf(table, NONE);
  const order = (column: number, down: boolean) => [...(orderOf(table, rowAt, "", { column, down }) ?? [])];
  assert.deepEqual(order(0, false), [2, 3, 0, 4, 1]);
  assert.deepEqual(order(0, true), [4, 0, 3, 2, 1]);
  assert.deepEqual(order(1, false), [1, 4, 3, 0, 2]);
  assert.equal(orderOf(table, rowAt, " ", null), null);
});

test("a search finds cells in any column and keeps the order", () => {
  const table = read(MIXED);
  const rowAt = rowsOf(table, NONE);
  assert.deepEqual([...(orderOf(table, rowAt, "A1", null) ?? [])], [3]);
  assert.deepEqual([...(orderOf(table, rowAt, "b", { column: 0, down: false }) ?? [])], [2, 0]);
  assert.deepEqual([...(orderOf(table, rowAt, "zzz", null) ?? [])], []);
});

test("text for a spreadsheet comes back as the same cells", () => {
  const rows = [["a\tb", 'say "hi"', 1], ["", "two\nlines", true]];
  assert.deepEqual(parseTsv(tsvOf(rows, 0, 2)), [["a\tb", 'say "hi"', "1"], ["", "two\nlines", "true"]]);
  assert.deepEqual(parseTsv("1\t2\r\n3\t\r\n"), [["1", "2"], ["3", ""]]);
  assert.deepEqual(parseTsv(""), [[""]]);
});

test("what is typed becomes a cell of the column's type, or none", () => {
  assert.equal(parseCell(" 2,5 ", "number"), 2.5);
  assert.equal(parseCell("", "number"), null);
  assert.equal(parseCell("1e999", "number"), undefined);
  assert.equal(parseCell("five", "number"), undefined);
  assert.equal(parseCell("Yes", "boolean"), true);
  assert.equal(parseCell("  ", "string"), "  ");
});

test("a changed row of a file is sent alone, others become part of the rows", () => {
  const inFiles = read({ headers: ["a"], parts: [{ file: "f", rows: 2 }], rows: [[2]], tail: "[3]\n", edits: { r0: [7] } });
  assert.deepEqual(withRows(inFiles, new Map([[1, [8]], [3, [9]]])), {
    headers: ["a"],
    parts: [{ file: "f", rows: 2 }],
    edits: { r0: [7], r1: [8] },
    rows: [[2], [9]],
  });
  const plain = read({ headers: ["a"], types: ["number"], rows: [[1], [2]], edits: { r1: [5] } });
  assert.deepEqual(withRows(plain, new Map([[0, [4]]])), { headers: ["a"], types: ["number"], rows: [[4], [5]] });
  assert.deepEqual(withoutRows(plain, new Set([0])), { headers: ["a"], types: ["number"], rows: [[5]] });
});

test("keys lead through the table and stop at its edges", () => {
  const extent = { rows: 100, columns: 3, page: 10 };
  const at = (row: number, column: number) => ({ at: { row, column }, anchor: { row, column } });
  const key = (row: number, column: number, name: string, far = false) => moved(at(row, column), name, far, false, extent)?.at;
  assert.deepEqual(key(0, 0, "ArrowUp"), { row: -1, column: 0 }, "the header is above the first row");
  assert.deepEqual(key(99, 2, "ArrowDown"), { row: 99, column: 2 });
  assert.deepEqual(key(5, 1, "End", true), { row: 99, column: 2 });
  assert.deepEqual(key(5, 1, "Home"), { row: 5, column: 0 });
  assert.deepEqual(key(95, 0, "PageDown"), { row: 99, column: 0 });
  assert.equal(moved(at(0, 0), "x", false, false, extent), null);
  const chosen = moved(at(5, 1), "ArrowUp", true, true, extent);
  assert.ok(chosen);
  assert.deepEqual(rangeOf(chosen), { top: 0, bottom: 5, left: 1, right: 1 });
  assert.deepEqual(moved(at(0, 0), "ArrowDown", false, false, { rows: 0, columns: 3, page: 1 })?.at, { row: -1, column: 0 });
});
