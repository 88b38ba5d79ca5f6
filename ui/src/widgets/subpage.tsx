/* One of an app's pages; alone, outside of ui.pages, it is what stands in it. */
import { Nodes } from "./node";
import type { WidgetProps } from "./space";

export function Subpage({ cell }: WidgetProps) {
  return (
    <div class="column gap-medium">
      <Nodes cells={cell.children} />
    </div>
  );
}
