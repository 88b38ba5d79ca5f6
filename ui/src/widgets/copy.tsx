/* A button that copies text and says so for a moment. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon";

const SAID_MS = 1600;

export function CopyButton({ text, label = "Copy", quiet }: { text: () => string; label?: string; quiet?: boolean }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => void copyText(text()).then(setCopied);
  return (
    <button type="button" class={quiet ? "chip-button quiet" : "chip-button"} onClick={copy} title={label}>
      <Icon name={copied ? "check" : "copy"} />
      <span class={quiet ? "hidden" : ""} aria-live="polite">
        {copied ? "Copied" : label}
      </span>
    </button>
  );
}

/** navigator.clipboard exists on https and localhost only; a LAN address needs the old way. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
