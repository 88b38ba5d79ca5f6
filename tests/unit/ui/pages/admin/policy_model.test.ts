import assert from "node:assert/strict";
import { test } from "node:test";
import { changeWords, moveWords, planSummary, restWords, type Plan } from "@ui/pages/admin/policy_model";

const tier = { name: "member", secondsPerDay: 14_400, weight: 1, concurrent: 32, secondsPerCall: 60, memoryMib: 256, pool: "", poolPercent: 100, poolBorrows: true };
const plan: Plan = { gains: 0, loses: 0, mixed: 0, same: 3, over: 0, rows: [], moves: [] };

test("a plan says how many gain and lose, and who is over at once", () => {
  assert.equal(planSummary(plan), "Well formed. It changes nothing for anybody.");
  assert.equal(planSummary({ ...plan, gains: 1, same: 1 }), "1 account gains; 1 stays as before.");
  assert.equal(planSummary({ ...plan, gains: 2, loses: 1, over: 1 }), "2 accounts gain, 1 loses; 3 stay as before. 1 is over it at once.");
  assert.equal(planSummary({ ...plan, mixed: 2, same: 0, over: 2 }), "2 gain some and lose some; 0 stay as before. 2 are over it at once.");
});

test("of a change only what differs is said", () => {
  const row = { account: "user:ada", change: "gains" as const, secondsUsed: 0, over: false };
  assert.equal(changeWords({ ...row, from: tier, to: { ...tier, name: "staff", secondsPerDay: 86_400, weight: 4 } }), "member to staff: 4 h a day to 24 h a day, weight 1 to weight 4");
  assert.equal(changeWords({ ...row, from: tier, to: { ...tier, memoryMib: 512 } }), "tier member: 256 MiB on the device to 512 MiB on the device");
  assert.equal(changeWords({ ...row, from: tier, to: tier }), "tier member");
});

test("another pool and another flavour are said with what is different", () => {
  const row = { account: "user:ada", change: "mixed" as const, secondsUsed: 0, over: false };
  assert.equal(
    changeWords({ ...row, from: tier, to: { ...tier, pool: "course", poolPercent: 30, poolBorrows: false } }),
    "tier member: no pool (100 %) to pool course (30 %, borrows nothing)",
  );
  const from = { name: "gpu", class: "medium", pool: "", device: "cuda" };
  const move = { space: "ada/draw", from, to: { ...from, name: "cpu-basic", class: "small", device: "" } };
  assert.equal(moveWords(move), "gpu to cpu-basic: box medium to small, models on cuda to any");
  assert.equal(moveWords({ ...move, to: { ...from, pool: "lab" } }), "gpu: pool any to lab");
  assert.equal(planSummary({ ...plan, moves: [move] }), "Nobody gains or loses. 1 Space runs on other hardware.");
  assert.equal(planSummary({ ...plan, loses: 1, moves: [move, move] }), "1 loses; 3 stay as before. 2 Spaces run on other hardware.");
});

test("a list of versions that was cut says so", () => {
  assert.equal(restWords([]), "");
  assert.equal(restWords([{ version: 2 }, { version: 1 }]), "");
  assert.match(restWords([{ version: 5 }, { version: 4 }]), /^The newest 2\. Those before 4: /);
});
