// Waits beside one who floods, and the first token of a prompt that was seen before: both on the
// shipped writer, without a peer of their own.
import { join } from "node:path";
import { buildDir, root } from "../../e2e/lib/platform.mjs";

export async function fairFigures({ run, figure, say }) {
  const text = await run(join(buildDir, "bin/bench_fair"), [join(root, "models/tiny-writer")]);
  const t = JSON.parse(text);

  say(`95th of 100 waits: calm ${t.calm} ms, beside a flood ${t.fair} ms, in one plain queue ${t.fifo} ms`);
  return [
    figure("ten who ask now and then: wait for the first token, p95, calm", t.calm, "ms"),
    figure("the same while another Space floods", t.fair, "ms",
      { peer: t.fifo, goal: "≤ a fifth of a plain queue's, its peer", limit: t.fifo / 5 }),
    figure("first token of a 500-token prompt seen before in the same Space", t.first_seen, "ms",
      { peer: t.first_new, goal: "< 50 ms; its peer is the same prompt when it is new", limit: 50 }),
  ];
}
