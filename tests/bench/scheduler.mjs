// Who gets the device: inference/schedule itself over traces of arrivals, on a clock of its own,
// beside a plain queue and a plain round robin over the same arrivals.
import { join } from "node:path";
import { buildDir } from "../e2e/lib/platform.mjs";

const FLOODS = ["flood-read", "flood-write", "flood-memory", "many-spaces"];

export async function benchScheduler({ run, figure }) {
  const output = await run(join(buildDir, "bin/bench_scheduler"), ["--sec", "60"]);
  const rows = JSON.parse(output);
  const figures = [];

  for (const fair of rows.filter((row) => row.rule === "fair")) {
    const of = (rule) => rows.find((row) => row.trace === fair.trace && row.rule === rule);
    const [fifo, robin] = [of("fifo"), of("robin")];
    const flood = FLOODS.includes(fair.trace);

    figures.push(figure(`${fair.trace} (${fair.what}): Jain's index (peer: plain queue; round robin ${robin.jain})`,
      fair.jain, "", { peer: fifo.jain, goal: "≥ 0.95", floor: 0.95 }));
    figures.push(figure(`${fair.trace}: longest that an ordinary payer wanted something and got nothing (round robin ${robin.gap_ms})`,
      fair.gap_ms, "ms", { peer: fifo.gap_ms }));
    figures.push(figure(`${fair.trace}: arrival to first row, p99 of ordinary payers (round robin ${robin.wait_ms})`,
      fair.wait_ms, "ms", { peer: fifo.wait_ms }));
    figures.push(figure(`${fair.trace}: part of the time in rows that were wanted (round robin ${robin.useful})`,
      fair.useful, "", { peer: fifo.useful, ...(flood ? { goal: "≥ 0.98 × plain queue", floor: 0.98 * fifo.useful } : {}) }));
  }
  const heaviest = rows.filter((row) => row.rule === "fair").sort((a, b) => b.decide_usec - a.decide_usec)[0];

  figures.push(figure(`a step's decisions, processor time, in the mean of the heaviest trace (${heaviest.trace})`,
    heaviest.decide_usec, "µs", { goal: "≤ 2 % of a step of 10 ms", limit: 200 }));
  return figures.concat(await pools({ run, figure }));
}

// Two pools of 70 and 30 %, of four and eight payers who all want more than there is; the first one rests half
// of the time. The peer of what is lent is what there is; of what keeps to its fraction, the fraction.
async function pools({ run, figure }) {
  const output = await run(join(buildDir, "bin/bench_scheduler"), ["--pools", "1", "--sec", "60"]);
  const [open, kept, closed] = JSON.parse(output);

  return [
    figure("pools 70/30: part of the first one while both have work", open.both, "", { peer: 0.7, goal: "≥ 0.69", floor: 0.69 }),
    figure("pools 70/30: part of the second one while the first one rests", open.lent, "", { peer: 1, goal: "≥ 0.99", floor: 0.99 }),
    figure("pools 70/30: steps from the first one's coming back to its first row", open.back_steps, "steps", { goal: "≤ 1", limit: 1 }),
    figure("pools 70/30: part of the first one in the second after it came back", open.after, "", { peer: 0.7, goal: "≥ 0.69", floor: 0.69 }),
    figure("pools 70/30: Jain's index of the first one's payers", open.jain[0], "", { goal: "≥ 0.95", floor: 0.95 }),
    figure("pools 70/30: Jain's index of the second one's payers", open.jain[1], "", { goal: "≥ 0.95", floor: 0.95 }),
    figure("pools 70/30: part of the time in use", open.busy, "", { peer: 1, goal: "≥ 0.98", floor: 0.98 }),
    figure("pools 70/30, the second one does not borrow: its part while the first one rests", kept.lent, "", { peer: 0.3, goal: "≤ 0.31", limit: 0.31 }),
    figure("pools 70/30, the first one does not lend: the second one's part while it rests", closed.lent, "", { peer: 0.3, goal: "≤ 0.31", limit: 0.31 }),
  ];
}
