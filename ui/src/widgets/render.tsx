/* A part of the page that the app makes from state. */
import { Nodes } from "./node";
import type { WidgetProps } from "./space";

export function Render({ cell }: WidgetProps) {
  return (
    <div class="column gap-medium">
      <Nodes cells={cell.below?.value ?? []} />
    </div>
  );
}
