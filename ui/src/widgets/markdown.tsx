/* Rendered Markdown. */
import { propsOf, valueOf } from "../state/tree";
import { Field } from "./field";
import { Prose } from "./prose";
import type { WidgetProps } from "./space";
import { asText } from "./textbox";

export function Markdown({ cell }: WidgetProps) {
  const props = propsOf(cell, "markdown");
  const text = asText(valueOf(cell));
  return (
    <Field cell={cell} props={props} as="output" class="markdown">
      <div aria-live="polite">
        <Prose text={text} />
      </div>
    </Field>
  );
}
