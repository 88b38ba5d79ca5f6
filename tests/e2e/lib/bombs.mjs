// What a hostile Space can do to a machine it shares, from Lua: one app with a button for each, and
// visitors who press it. Used by bombs.test.mjs and by scripts/bench bombs.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildDir } from "./platform.mjs";
import { until } from "./process.mjs";
import { TYPE, Visitor } from "./wire.mjs";

export const bombApp = `local ui, models, time = require "vitrine.ui", require "vitrine.models", require "vitrine.time"
local writer = models.chat "vitrine/tiny-writer"
local mood = models.pipeline("text-classification", "vitrine/tiny-sentiment")
local hoard = {}

return ui.page({ title = "Bombs" }, function(page)
  local out, parts = ui.textbox { id = "out", label = "Out" }, {}
  for i = 1, 200 do parts[i] = ui.markdown { id = "part" .. i } end
  local function button(name, fn)
    local b = ui.button { name, id = name }
    b:on_click { concurrency = 64, fn = fn }
    return b
  end
  return ui.column {
    out, ui.column(parts),
    button("answer", function() out:set("answered") end),
    button("memory", function()
      while true do
        pcall(function() for i = 1, 1e9 do hoard[#hoard + 1] = string.rep("x", 100000) .. i end end)
        hoard = {}
      end
    end),
    button("cpu", function() while true do end end),
    button("log", function() for i = 1, 1e9 do print(i .. string.rep("=", 1000)) end end),
    button("patch", function() for i = 1, 1e9 do out:set("value " .. i) if i % 50 == 0 then time.sleep(0.001) end end end),
    button("frame", function()
      for i = 1, 1e9 do
        for _, part in ipairs(parts) do part:set(string.rep("y", 30000) .. i) end
        time.sleep(0.001)
      end
    end),
    button("inference", function()
      for i = 1, 1e9 do
        pcall(function()
          if i % 3 == 0 then mood(string.rep("good and bad ", 60)) return end
          for token in writer:stream({ { role = "user", content = "A story, please. " .. i } }, { max_tokens = 300 }) do
            if i % 3 == 1 then break end -- cancelled at its first token
          end
        end)
      end
    end),
  }
end)
`;

/** Visitors at once; a worker runs 16 handlers. */
const CROWD = 20;

/** Visitors who press one button and read nothing from then on. Their handlers are cancelled in the
 * end, unless patient: then their Space has to come to the limits of its handlers by itself. */
async function press(platform, space, button, patient) {
  const visitors = await Promise.all(Array.from({ length: CROWD }, () => Visitor.join(platform, space)));

  for (const visitor of visitors) {
    visitor.fire(button, "click");
    await visitor.waitFor("it is accepted", () => visitor.accepted.size > 0);
    visitor.socket._socket.pause();
  }
  return async () => {
    if (!patient) for (const visitor of visitors) visitor.send({ type: TYPE.CANCEL });
    await Promise.all(visitors.map((visitor) => until("it is sent", () => visitor.socket.bufferedAmount === 0, 5000).catch(() => {})));
    for (const visitor of visitors) visitor.socket.terminate();
  };
}

/** Kills each worker of the Space as soon as it is there, while visitors wait for it. */
async function crash(platform, space) {
  const visitors = await Promise.all([1, 2, 3].map(() => Visitor.join(platform, space)));
  const killed = new Set();
  let over = false;
  const loop = (async () => {
    while (!over) {
      for (const pid of await platform.workerPids(space).catch(() => [])) {
        if (killed.has(pid)) continue;
        killed.add(pid);
        try {
          process.kill(pid, "SIGKILL");
        } catch { /* it was faster */ }
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  })();

  return async () => {
    over = true;
    await loop;
    visitors.forEach((visitor) => visitor.socket.terminate());
    return killed.size;
  };
}

const pressing = (button, patient = Boolean(process.env.VITRINE_TEST_FULL)) =>
  (platform, space) => press(platform, space, button, patient);

/** name → begin(platform, space): begins the attack and resolves to the function that ends it. */
export const bombs = {
  memory: pressing("memory"),
  cpu: pressing("cpu", true),
  "log flood": pressing("log"),
  "patch flood": pressing("patch"),
  "frame flood": pressing("frame"),
  "inference flood": pressing("inference"),
  "crash loop": crash,
};

/** Resident memory of a process now, in MiB. */
export function residentMib(pid) {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}

/** AddressSanitizer keeps what was freed for a while, so memory says nothing then. */
export const isSanitized = readFileSync(join(buildDir, "bin/vitrine-gateway")).includes("libasan");
