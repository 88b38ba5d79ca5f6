// What the kernel says of a service that has given up what it does not need.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const confinedServices = ["gateway", "orchestrator", "agent", "inference", "fetch"];

export function assertConfined(platform) {
  for (const name of confinedServices) {
    const status = readFileSync(`/proc/${platform.servicePid(name)}/status`, "utf8");

    for (const line of [/^NoNewPrivs:\s+1$/m, /^Seccomp:\s+2$/m, /^CapEff:\s+0+$/m, /^CapPrm:\s+0+$/m])
      assert.match(status, line, name);
    assert.doesNotMatch(status, /^Uid:.*\t0\b/m, name);
  }
}
