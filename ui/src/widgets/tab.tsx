/* One of some tabs where no row of tabs is around it: what stands in it. */
import { Nodes } from "./node";
import type { WidgetProps } from "./space";

export function Tab({ cell }: WidgetProps) {
  return (
    <div class="tab-panel">
      <Nodes cells={cell.children} />
    </div>
  );
}
