/* One argument of a function, entered by its type. */
import { useState } from "preact/hooks";
import type { Parameter } from "./api_model";

interface Props {
  readonly parameter: Parameter;
  readonly id: string;
  readonly value: unknown;
  readonly refused: boolean;
  readonly change: (value: unknown) => void;
}

export function Control(props: Props) {
  const { parameter: p, id } = props;
  const help = helpOf(p);
  return (
    <div class={props.refused ? "api-argument refused" : "api-argument"}>
      <label for={id}>
        <code>{p.name}</code>
        <span class="api-type">{TYPES[p.kind] ?? p.kind}</span>
        <span class={p.required ? "api-need" : "api-need faint"}>{p.required ? "required" : "optional"}</span>
      </label>
      {help && (
        <p class="faint" id={`${id}-help`}>
          {help}
        </p>
      )}
      <Entry {...props} />
    </div>
  );
}

const TYPES: Readonly<Partial<Record<Parameter["kind"], string>>> = {
  choice: "one of",
  choices: "some of",
  files: "list of files",
  json: "any JSON",
};

function helpOf(p: Parameter): string {
  const range =
    p.min !== null && p.max !== null ? `${p.min} to ${p.max}` : p.min !== null ? `at least ${p.min}` : p.max !== null ? `at most ${p.max}` : "";
  const title = p.title.toLowerCase() === p.name.replaceAll("_", " ") ? "" : p.title;
  return [title, p.help, range].filter(Boolean).join(" · ");
}

function Entry({ parameter: p, id, value, refused, change }: Props) {
  const common = { id, "aria-invalid": refused, ...(helpOf(p) ? { "aria-describedby": `${id}-help` } : {}) };
  switch (p.kind) {
    case "string":
      return <textarea {...common} class="input" rows={String(value ?? "").length > 60 ? 3 : 1} value={String(value ?? "")} onInput={(e) => change(e.currentTarget.value)} />;
    case "number":
      return (
        <input
          {...common}
          class="input"
          type="number"
          step="any"
          min={p.min ?? undefined}
          max={p.max ?? undefined}
          value={typeof value === "number" ? value : ""}
          onInput={(e) => change(e.currentTarget.value === "" ? undefined : e.currentTarget.valueAsNumber)}
        />
      );
    case "boolean":
      return <input {...common} class="api-check" type="checkbox" checked={value === true} onChange={(e) => change(e.currentTarget.checked)} />;
    case "choice":
      return (
        <select {...common} class="input" value={p.choices.indexOf(value)} onChange={(e) => change(p.choices[Number(e.currentTarget.value)])}>
          {p.choices.map((c, i) => (
            <option key={i} value={i}>
              {String(c)}
            </option>
          ))}
        </select>
      );
    case "choices": {
      const chosen = Array.isArray(value) ? value : [];
      return (
        <select
          {...common}
          class="input"
          multiple
          size={Math.min(p.choices.length, 5)}
          onChange={(e) => change([...e.currentTarget.selectedOptions].map((o) => p.choices[Number(o.value)]))}
        >
          {p.choices.map((c, i) => (
            <option key={i} value={i} selected={chosen.includes(c)}>
              {String(c)}
            </option>
          ))}
        </select>
      );
    }
    case "file":
    case "files":
      return (
        <input
          {...common}
          class="input"
          type="file"
          multiple={p.kind === "files"}
          onChange={(e) => {
            const files = [...(e.currentTarget.files ?? [])];
            change(p.kind === "files" ? files : files[0]);
          }}
        />
      );
    case "json":
      return <JsonEntry {...{ common, value, change }} />;
  }
}

/** What is no JSON yet is kept as it is typed, and the last value that was stays. */
function JsonEntry({ common, value, change }: { common: object; value: unknown; change: (value: unknown) => void }) {
  const [text, setText] = useState(value === undefined ? "" : JSON.stringify(value));
  const [wrong, setWrong] = useState(false);
  const type = (now: string) => {
    setText(now);
    try {
      change(now.trim() === "" ? undefined : JSON.parse(now));
      setWrong(false);
    } catch {
      setWrong(true);
    }
  };
  return <textarea {...common} class="input mono" rows={2} value={text} aria-invalid={wrong} spellcheck={false} onInput={(e) => type(e.currentTarget.value)} />;
}
