// The running services: confined, and what an operator sees when one leaves its bounds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as apps from "./lib/apps.mjs";
import { assertConfined, confinedServices } from "./lib/confined.mjs";
import { Repo } from "./lib/git.mjs";
import { Platform } from "./lib/platform.mjs";
import { until } from "./lib/process.mjs";
import { Visitor } from "./lib/wire.mjs";

const asRoot = process.getuid() === 0;
let platform;

before(async () => {
  platform = await Platform.start();
});

after(() => platform?.remove());

test("each service has its filter, no new privileges, no capability and no root", { skip: !asRoot && "needs root; as an ordinary user: up.test.mjs" }, () => {
  assertConfined(platform);
});

test("a service that makes a forbidden call is named in the log and comes back", async () => {
  platform.filtersMayEndServices = true;
  for (const name of confinedServices) {
    const pid = platform.servicePid(name);

    // As the kernel ends it: KILL_PROCESS is a death by SIGSYS.
    process.kill(pid, "SIGSYS");
    await until("the log says so", () => platform.log.includes(`service=${name} pid=${pid} ended by its own filter`));
    await until(`${name} is back`, () => platform.servicePid(name) && platform.servicePid(name) !== pid);
  }
  await platform.untilHealthy();
  const repo = new Repo(platform, "admin/after");

  try {
    await repo.deploy({ "app.lua": apps.counter });
    const visitor = await Visitor.join(platform, "admin/after");

    await visitor.act("add", "click");
    await visitor.close();
  } finally {
    await repo.remove();
  }
});
