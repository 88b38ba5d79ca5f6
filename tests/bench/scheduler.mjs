// Who gets the device: inference/schedule itself over traces of arrivals, on a clock of its own,
// beside a plain queue and a plain round robin over the same arrivals.
import { join } from "node:path";
import { buildDir } from "../e2e/lib/platform.mjs";

const FLOODS = ["flood-read", "flood-write", "many-spaces"];

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
  return figures;
}
