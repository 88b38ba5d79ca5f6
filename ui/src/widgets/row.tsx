/* Children side by side; they wrap below each other where the width does not suffice. */
import { propsOf } from "../state/tree";
import { Nodes } from "./node";
import type { WidgetProps } from "./space";

export function Row({ cell }: WidgetProps) {
  const { gap = "medium" } = propsOf(cell, "row");
  // Panels side by side are as high as each other; fields and buttons stand on one line.
  const panels = cell.children.some((c) => c.type === "column");
  return (
    <div class={`row gap-${gap}${panels ? " panels" : ""}`}>
      <Nodes cells={cell.children} inRow />
    </div>
  );
}
