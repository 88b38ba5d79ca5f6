/*
 * Children side by side; they wrap below each other where the width does not suffice. What goes
 * wrong in one of them, or waits, is told below the row, which has the width for words.
 */
import { propsOf } from "../state/tree";
import { FailureAt } from "./failure";
import { Nodes } from "./node";
import { QueueAt } from "./queue";
import type { WidgetProps } from "./space";

export function Row({ cell }: WidgetProps) {
  const { gap = "medium" } = propsOf(cell, "row");
  // Panels side by side are as high as each other, and so are buttons; fields stand on one line.
  const panels = cell.children.some((c) => c.type === "column");
  const even = panels || (cell.children.length > 0 && cell.children.every((c) => c.type.endsWith("button")));
  return (
    <>
      <div class={`row gap-${gap}${panels ? " panels" : ""}${even ? " even" : ""}`}>
        <Nodes cells={cell.children} inRow />
      </div>
      {cell.children.map((c) => (
        <QueueAt key={c.key} node={c.n} />
      ))}
      {cell.children.map((c) => (
        <FailureAt key={c.key} node={c.n} />
      ))}
    </>
  );
}
