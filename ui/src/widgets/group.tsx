/* Children in one frame. */
import { propsOf } from "../state/tree";
import { Nodes } from "./node";
import { idOf, type WidgetProps } from "./space";

export function Group({ cell }: WidgetProps) {
  const { label, info } = propsOf(cell, "group");
  const id = idOf(cell);
  return (
    <div class="group" role="group" {...(label ? { "aria-labelledby": `${id}-label` } : {})}>
      {label && (
        <p class="field-label" id={`${id}-label`}>
          {label}
        </p>
      )}
      {info && <p class="field-info">{info}</p>}
      <Nodes cells={cell.children} />
    </div>
  );
}
