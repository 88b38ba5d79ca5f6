/* Children below each other. */
import { propsOf } from "../state/tree";
import { Nodes } from "./node";
import type { WidgetProps } from "./space";

export function Column({ cell }: WidgetProps) {
  const { gap = "medium" } = propsOf(cell, "column");
  return (
    <div class={`column gap-${gap}`}>
      <Nodes cells={cell.children} />
    </div>
  );
}
