import assert from "node:assert/strict";
import { test } from "node:test";
import { renderToString } from "preact-render-to-string";
import { DeviceOrders } from "@ui/pages/device_orders";
import { TopView, type Top } from "@ui/pages/top_view";

const device = {
  name: "cpu", state: "serving", reason: "", model: "alice/draw", memoryBytes: 3 << 20, memoryMaxBytes: 8 << 20,
  keysBytes: 1 << 20, keysMaxBytes: 512 << 20, busyMs: 900,
};
const row = { payer: "user:ann", space: "alice/demo", session: 1, event: 2, ageMs: 3100 };
const top: Top = { connected: true, toldMs: 0, devices: [device], running: [], waiting: [], runningAll: 0, waitingAll: 0 };
const html = (t: Top, late = false, busy: readonly (number | null)[] = [null]) => renderToString(<TopView top={t} late={late} busy={busy} orders={(d) => <DeviceOrders device={d} last={false} order={async () => ""} />} />);

test("a device is shown with what it runs, what it holds and how busy it is", () => {
  const out = html(top, false, [0.424]);
  assert.match(out, /<strong>cpu<\/strong> runs alice\/draw/);
  assert.match(out, /weights 3 of 8 MiB · keys and values 1 of 512 MiB · 42 % busy/);
  assert.match(out, /Nothing runs\.[\s\S]*Nobody waits\./);
});

test("who waits is shown with the reason and when it is about to begin, and that there are more", () => {
  const reason = "waits for the model alice/draw, held by 2 others for 3.1 s; you are next";
  const out = html({
    ...top,
    running: [{ ...row, model: "alice/draw", deviceMs: 250, tokensOut: 12 }],
    waiting: [{ ...row, event: 3, reason, place: 1, expectedMs: 4000 }],
    runningAll: 1,
    waitingAll: 60,
  });
  assert.match(out, /alice\/draw · 250 ms on the device · 12 tokens written/);
  assert.match(out, /you are next, about 4\.0 s/);
  assert.match(out, /And 59 more\./);
  assert.match(out, /href="\/spaces\/alice\/demo"/);
});

test("what was known last stays, and is said to be that", () => {
  assert.match(html(top, true), /role="status">No answer just now/);
  assert.match(html({ ...top, connected: false }), /not connected/);
});

test("a device out of service says why, and offers what can be done with it", () => {
  const serving = html(top);
  const failed = html({ ...top, devices: [{ ...device, state: "failed", reason: "CUDA_ERROR_ECC_UNCORRECTABLE" }] });
  const draining = html({ ...top, devices: [{ ...device, state: "draining", reason: "a new fan" }] });

  assert.match(serving, /aria-label="Drain cpu"[\s\S]*aria-label="Exclude cpu"/);
  assert.doesNotMatch(serving, /Return cpu/);
  assert.match(failed, /<strong>cpu<\/strong> runs nothing <span class="badge bad">failed<\/span>/);
  assert.match(failed, /CUDA_ERROR_ECC_UNCORRECTABLE[\s\S]*aria-label="Return cpu"/);
  assert.doesNotMatch(failed, /Drain cpu/);
  assert.match(draining, /badge calm">draining[\s\S]*a new fan[\s\S]*Exclude cpu[\s\S]*Return cpu/);
});

test("pools are shown with their shares, and what of them is lent and borrowed", () => {
  const pool = { lend: true, borrow: true, requests: 0, used: 0, lent: 0, borrowed: 0 };
  const out = html({
    ...top,
    pools: [
      { ...pool, name: "", percent: 10 },
      { ...pool, name: "research", percent: 60, lent: 0.35 },
      { ...pool, name: "course", percent: 30, requests: 1, used: 0.65, borrowed: 0.35 },
      { ...pool, name: "guests", percent: 5, lend: false, borrow: false, requests: 2 },
    ],
  });
  assert.match(out, /<strong>All others<\/strong> has 10 %[\s\S]*0 % used</);
  assert.match(out, /<strong>research<\/strong> has 60 %[\s\S]*0 % used · 35 % lent</);
  assert.match(out, /<strong>course<\/strong> has 30 %[\s\S]*65 % used · 35 % borrowed<[\s\S]*1 call</);
  assert.match(out, /0 % used · lends nothing · borrows nothing<[\s\S]*2 calls/);
  assert.doesNotMatch(html(top), /Pools/);
});
