/* The bar over a preview: which branch it shows, until when, and for its owner the way to main. */
import { useState } from "preact/hooks";
import { call, spacePath, whoAmI } from "./api";
import type { Preview } from "./space";

interface Props {
  readonly owner: string;
  /** Address of the platform's pages; "": this host, and only there can it be promoted. */
  readonly platform: string;
  readonly preview: Preview;
  /** Whoever looks at it may promote it; a signal. */
  readonly owned: { readonly value: boolean };
}

type Step = "idle" | "asked" | "busy" | "done";

export function PreviewBar({ owner, platform, preview, owned }: Props) {
  const [step, setStep] = useState<Step>("idle");
  const [error, setError] = useState("");
  const live = `${platform}/spaces/${owner}/${preview.of}`;
  const promote = async () => {
    setStep("busy");
    setError("");
    try {
      await whoAmI(); // calls need its CSRF token
      await call("POST", `${spacePath(owner, preview.of)}/promote`, { branch: preview.branch });
      setStep("done");
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setStep("idle");
    }
  };
  return (
    <aside class="preview-bar" aria-label="Preview">
      <p>
        <b>Preview</b> of branch <code>{preview.branch}</code>
        <span class="preview-end"> {endWords(preview.endsSec, Date.now() / 1000)}</span>
      </p>
      <p class="preview-acts">
        {step === "done" ? (
          <span role="status">
            Promoted: this is what <a href={live}>the live Space</a> shows now.
          </span>
        ) : (
          <a href={live}>Live Space</a>
        )}
        {owned.value && platform === "" && (step === "idle" || step === "busy") && (
          <button type="button" class="button primary small" disabled={step === "busy"} onClick={() => setStep("asked")}>
            {step === "busy" ? "Promoting…" : "Promote"}
          </button>
        )}
        {step === "asked" && (
          <>
            <span>Every visitor gets this version.</span>
            <button type="button" class="button primary small" onClick={() => void promote()}>
              Promote to main
            </button>
            <button type="button" class="button secondary small" onClick={() => setStep("idle")}>
              Cancel
            </button>
          </>
        )}
      </p>
      {error && (
        <p class="preview-error" role="alert">
          {error}
        </p>
      )}
    </aside>
  );
}

const UNITS: readonly (readonly [seconds: number, one: string])[] = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
];

/** "· ends in 7 days" */
export function endWords(endsSec: number, nowSec: number): string {
  const left = endsSec - nowSec;
  for (const [seconds, one] of UNITS) {
    const n = Math.round(left / seconds);
    if (left >= seconds) return `· ends in ${n} ${one}${n === 1 ? "" : "s"}`;
  }
  return "· ends soon";
}
