// What the demo pages of the fake gateway do with an event. An app gets a `run`: patch, commit
// and wait, all of which end quietly when the visitor cancels.
import { crc32c } from "./crc32c.mjs";

const n = crc32c;
const PIECES = {
  story: `Once there was a **lantern** that only shone for people who had lost their way.\n\nOne night a letter arrived at the lighthouse, addressed to *whoever keeps the light*. It asked for three things:\n\n1. a cup of salt water,\n2. the name of a star,\n3. a promise nobody had made yet.\n\nThe keeper had two of them, and spent the winter on the third.`,
  code: `Here is a five-line app:\n\n\`\`\`lua\nlocal ui = require "vitrine.ui"\n\nreturn ui.interface {\n  inputs = ui.textbox { label = "Name" },\n  outputs = ui.textbox { label = "Greeting" },\n  fn = function(name) return "Hello, " .. name end,\n}\n\`\`\`\n\nPush it, and it is live.`,
  table: `| Planet | Moons | Day |\n|---|---:|---|\n| Mars | 2 | 24.6 h |\n| Jupiter | 95 | 9.9 h |\n| Saturn | 146 | 10.7 h |`,
};

export const apps = {
  async chat(run, event, values) {
    if (event.node === n("chat")) return run.set("chat", "value", []);
    const text = values.get(n("input")) ?? "";
    const turns = run.state.turns;
    run.set("chat", `value/${turns.length}`, { role: "user", content: text });
    run.set("input", "value", "");
    run.commit();
    await run.wait(400);
    run.set("chat", `value/${turns.length + 1}`, { role: "assistant", content: "" });
    const reply = /code/i.test(text) ? PIECES.code : /table/i.test(text) ? PIECES.table : PIECES.story;
    for (const token of reply.match(/\S+\s*/g)) {
      run.append("chat", `value/${turns.length + 1}/content`, token);
      run.commit();
      await run.wait(run.speed);
    }
    turns.push(text, reply);
  },

  async mood(run, event, values) {
    await run.wait(300);
    const text = values.get(n("text")) ?? "";
    const good = /love|good|great|happy/i.test(text) ? 0.94 : /not|bad|again/i.test(text) ? 0.07 : 0.5;
    const rows = [["positive", good], ["negative", 1 - good]].sort((a, b) => b[1] - a[1]);
    run.set("mood", "value", { label: rows[0][0], confidences: rows.map(([label, confidence]) => ({ label, confidence })) });
  },

  async kitchen(run, event) {
    if (event.node === 0) return run.page("toast", { kind: "info", message: "The page's load handler ran." });
    if (event.node === n("fail")) {
      return run.fail({
        message: "attempt to index a nil value (local 'reply')",
        file: "app.lua",
        line: 42,
        traceback: "app.lua:42: in function 'answer'\napp.lua:57: in function <app.lua:51>",
        reference: "k7q2m9",
      });
    }
    if (event.node !== n("run")) return;
    for (let i = 1; i <= 10; i++) {
      run.page("progress", { fraction: i / 10, message: `Step ${i} of 10` });
      run.commit();
      await run.wait(run.speed * 6);
    }
    run.set("out", "value", "Done, in ten steps.");
    run.page("toast", { kind: "info", message: "Finished." });
  },
};
