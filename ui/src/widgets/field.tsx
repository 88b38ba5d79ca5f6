/* The frame of a component: its label, its help, and what it is doing. */
import type { ComponentChildren } from "preact";
import { FAIL_INVALID, type CommonProps } from "proto";
import { useSpace, useWaiting, idOf } from "./space";
import type { Cell } from "../state/tree";

interface FieldProps {
  readonly cell: Cell;
  readonly props: CommonProps;
  /** `group`: several controls, labelled as one; `output`: nothing to type into. */
  readonly as?: "control" | "group" | "output";
  readonly class?: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Field({ cell, props, as = "control", class: className, aside, children }: FieldProps) {
  const id = idOf(cell);
  const waits = useWaiting(cell) && as === "output";
  const Label = as === "control" ? "label" : "div";
  const labelled = props.label ? { "aria-labelledby": `${id}-label` } : {};
  return (
    <div
      class={`field${waits ? " waits" : ""}${className ? ` ${className}` : ""}`}
      {...(as === "control" ? {} : { role: "group", ...labelled })}
    >
      {(props.label || aside) && (
        <div class="field-head">
          {props.label && (
            <Label class="field-label" id={`${id}-label`} {...(as === "control" ? { for: id } : {})}>
              {props.label}
              {isNeeded(cell) && <span class="needed" aria-hidden="true" />}
            </Label>
          )}
          {aside}
        </div>
      )}
      {props.info && (
        <p class="field-info" id={`${id}-info`}>
          {props.info}
        </p>
      )}
      <div class="field-body">{children}</div>
    </div>
  );
}

function isNeeded(cell: Cell): boolean {
  return cell.props.value["required"] === true;
}

/** What a control says about itself to who cannot see the frame. */
export function useControl(cell: Cell, props: CommonProps) {
  const failure = useSpace().session.page.failures.value.get(cell.n);
  const id = idOf(cell);
  const described = [props.info ? `${id}-info` : "", failure ? `${id}-failure` : ""].join(" ").trim();
  return {
    id,
    ...(props.label ? {} : { "aria-label": cell.type }),
    ...(described ? { "aria-describedby": described } : {}),
    ...(isNeeded(cell) ? { "aria-required": true as const } : {}),
    ...(failure?.kind === FAIL_INVALID ? { "aria-invalid": true as const } : {}),
  };
}
