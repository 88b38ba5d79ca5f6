// scripts/bench fairness: ten Spaces, in each of which one session computes without a pause. How
// long does a click take of somebody else: in one of those Spaces, where it shares the worker with
// the burner, and in an eleventh?
import { Visitor, visitorCookie } from "../e2e/lib/wire.mjs";

const SPACES = 10;
const CALM = 2000, HOT = 200; // clicks
const CALM_TURNS = 2;

const app = `local ui = require "vitrine.ui"

return ui.page({ title = "Burn" }, function(page)
  local said = ui.textbox { id = "said", label = "Say" }
  local heard = ui.textbox { id = "heard", label = "Heard", interactive = false }
  local go = ui.button { "Echo", id = "go" }
  local burn = ui.button { "Burn", id = "burn" }
  go:on_click(function() heard:set(said.value) end)
  burn:on_click(function() while true do end end)
  return ui.column { said, go, heard, burn }
end)
`;

/** Burns until told to stop: when its handler has been stopped at its limit, it begins again. */
async function startBurner(platform, space) {
  const visitor = await Visitor.join(platform, space);
  let over = false;
  const loop = (async () => {
    while (!over) {
      const n = visitor.fire("burn", "click");

      await visitor.waitFor("the burner is stopped", () => over || visitor.finished.has(n), 120_000);
    }
  })();

  await visitor.waitFor("it burns", () => visitor.accepted.size > 0);
  return async () => {
    over = true;
    await loop;
    visitor.socket.terminate();
  };
}

export async function benchFairness({ startPlatform, newRepo, run, numbers, percentile, figure, say, client, pathOf }) {
  const platform = await startPlatform();
  const names = Array.from({ length: SPACES + 1 }, (_, i) => `admin/space-${i}`);
  const cookies = {};

  for (const name of names) {
    await newRepo(platform, name).deploy({ "app.lua": app });
    cookies[name] = await visitorCookie(platform, name);
  }
  const clicks = async (name, n) => numbers(await run(client,
    ["click", String(platform.port), pathOf(name), cookies[name], String(n), "said", "go"]));
  const who = { "in a Space with a burner": names[0], "in a Space without": names[SPACES] };
  const calm = {}, hot = {};

  for (const [what, name] of Object.entries(who)) {
    calm[what] = [];
    for (let turn = 0; turn < CALM_TURNS; turn++) calm[what].push(...await clicks(name, CALM));
  }
  const stops = [];

  for (const name of names.slice(0, SPACES)) stops.push(await startBurner(platform, name));
  for (const [what, name] of Object.entries(who)) hot[what] = await clicks(name, HOT);
  for (const stop of stops) await stop();
  return Object.keys(who).flatMap((what) => {
    const peer = percentile(calm[what], 99);

    say(`${what}: p50 ${percentile(calm[what], 50)} → ${percentile(hot[what], 50)} µs, p99 ${peer} → ${percentile(hot[what], 99)} µs`);
    return [
      figure(`a click ${what}, one session burning in each of ten, p99 (peer: calm, same run)`,
        percentile(hot[what], 99), "µs", { peer, goal: "≤ 2 × calm", limit: 2 * peer }),
      figure("the same, p50", percentile(hot[what], 50), "µs", { peer: percentile(calm[what], 50) }),
    ];
  });
}
