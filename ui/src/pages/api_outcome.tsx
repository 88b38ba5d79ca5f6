/* What came of a call that was tried: how it goes, the result, or why there is none. */
import { Icon } from "../widgets/icon";
import { msWords } from "./words";

export type Run =
  | { readonly state: "idle" }
  | { readonly state: "running"; readonly words: string; readonly value: unknown }
  | { readonly state: "done"; readonly value: unknown; readonly ms: number }
  | { readonly state: "failed"; readonly words: string; readonly field: string | null };

export function Outcome({ run, base }: { run: Run; base: string }) {
  return (
    <div class="api-outcome" aria-live="polite">
      {run.state === "running" && (
        <p class="api-going">
          <span class="dot" aria-hidden="true" />
          {run.words}
        </p>
      )}
      {run.state === "failed" && (
        <p class="form-error" role="alert">
          <Icon name="alert" />
          {run.words}
        </p>
      )}
      {run.state === "done" && <p class="api-going done">Done in {msWords(run.ms)}</p>}
      {(run.state === "running" || run.state === "done") && run.value !== undefined && (
        <>
          <pre class="api-result" tabIndex={0} aria-label="Result">
            {JSON.stringify(run.value, null, 2)}
          </pre>
          {run.state === "done" && <Files value={run.value} base={base} />}
        </>
      )}
    </div>
  );
}

interface FileValue {
  readonly file: string;
  readonly name: string;
  readonly image: boolean;
}

function Files({ value, base }: { value: unknown; base: string }) {
  const files = filesIn(value).slice(0, 16);
  if (files.length === 0) return null;
  return (
    <div class="api-files">
      {files.map((f) => {
        const address = `${base}/-/file/${f.file}`;
        return f.image ? (
          <a key={f.file} href={address}>
            <img src={address} alt={f.name} />
          </a>
        ) : (
          <a key={f.file} class="button secondary small" href={address} download={f.name}>
            <Icon name="download" />
            {f.name}
          </a>
        );
      })}
    </div>
  );
}

/** The platform's ids only: an address that an app made up is shown as text. */
export function filesIn(value: unknown, depth = 0): FileValue[] {
  if (typeof value !== "object" || value === null || depth > 8) return [];
  const { file, name, type } = value as Readonly<Record<string, unknown>>;
  if (typeof file === "string" && /^[a-z0-9]{26}$/.test(file)) {
    return [{ file, name: typeof name === "string" ? name : "file", image: /^image\/(png|jpeg|gif|webp)$/.test(String(type)) }];
  }
  return Object.values(value).flatMap((v) => filesIn(v, depth + 1));
}
