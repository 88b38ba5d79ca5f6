/* Ready-made inputs: chips where there is one input, a table where there are several. */
import { propsOf, type Cell } from "../state/tree";
import type { NodeId } from "../wire/messages";
import { Field } from "./field";
import { useSpace, type WidgetProps } from "./space";

export function Examples({ cell }: WidgetProps) {
  const props = propsOf(cell, "examples");
  const { session } = useSpace();
  const rows = Array.isArray(props.rows) ? props.rows.map((r) => (Array.isArray(r) ? r : [r])) : [];
  const inputs = (Array.isArray(props.inputs) ? props.inputs : [])
    .map((n) => session.page.tree.value?.cells.get(n as NodeId))
    .filter((c): c is Cell => c !== undefined);
  if (rows.length === 0) return null;

  const use = (row: readonly unknown[], i: number) => {
    inputs.forEach((input, column) => session.setValue(input, row[column] ?? null));
    session.fire(cell, "example", i);
  };
  const labelled = { ...props, label: props.label ?? "Examples" };
  return (
    <Field cell={cell} props={labelled} as="group">
      {inputs.length > 1 ? <Rows rows={rows} inputs={inputs} use={use} /> : <Chips rows={rows} use={use} />}
    </Field>
  );
}

type Use = (row: readonly unknown[], i: number) => void;

function Chips({ rows, use }: { rows: readonly (readonly unknown[])[]; use: Use }) {
  return (
    <div class="chips">
      {rows.map((row, i) => (
        <button key={i} type="button" class="chip" onClick={() => use(row, i)}>
          {wordsOf(row[0])}
        </button>
      ))}
    </div>
  );
}

function Rows({ rows, inputs, use }: { rows: readonly (readonly unknown[])[]; inputs: readonly Cell[]; use: Use }) {
  return (
    <div class="table-scroll">
      <table class="examples">
        <thead>
          <tr>
            {inputs.map((input) => (
              <th key={input.key}>{String(input.props.value["label"] ?? input.type)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i} onClick={() => use(row, i)}>
              {inputs.map((input, column) => (
                <td key={input.key}>
                  {column === 0 ? <button type="button">{wordsOf(row[column])}</button> : wordsOf(row[column])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function wordsOf(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value !== "object") return String(value);
  const name = (value as Record<string, unknown>)["name"];
  return typeof name === "string" ? name : JSON.stringify(value);
}
