/* One calm line about the connection and the Space, and the app's own toasts. */
import { useEffect, useState } from "preact/hooks";
import type { Notice, Session } from "../state/session";
import type { Toast } from "../state/page";
import { Icon } from "../widgets/icon";

/** What mends itself sooner than this is not worth a word. */
const LATE_MS = 400;
const NOTICE_MS = 4500;
/** Without a connection for this long, something is in the way rather than late. */
const STUCK_MS = 10_000;
const TOAST_MS = 6000;
const TIMER_MAX = 2_000_000_000;

const NOTICES: Readonly<Record<Notice, string>> = {
  resynchronised: "Back in step. Nothing was lost.",
  deployed: "Updated to the new version.",
  anew: "Your earlier session has ended; this is a new one.",
};

interface Line {
  readonly words: string;
  readonly tone: "busy" | "good" | "bad";
  readonly late: boolean;
  /** Where to find out what is in the way. */
  readonly help?: string;
}

export function StatusLine({ session }: { session: Session }) {
  const notice = usePassing(session);
  const stuck = useStuck(session);
  const line = lineOf(session, notice, stuck);
  const shown = useLate(line);
  return (
    <div class="status" role="status" aria-live="polite">
      {shown && (
        <p class={`status-line ${shown.tone}`}>
          <span class="dot" aria-hidden="true" />
          {shown.words}
          {shown.help && <a href={shown.help}>What is in the way?</a>}
        </p>
      )}
    </div>
  );
}

function lineOf(session: Session, notice: Notice | null, stuck: boolean): Line | null {
  const phase = session.phase.value;
  const refusal = session.refusal.value;
  if (refusal && session.page.tree.value) return { words: refusal, tone: "busy", late: true };
  if (stuck) return { words: "Not connected.", tone: "bad", late: false, help: "/-/connection" };
  if (session.connection.value === "lost") return { words: "Reconnecting…", tone: "busy", late: true };
  switch (phase?.phase) {
    case "waking":
      return { words: phase.message || "Waking up…", tone: "busy", late: true };
    case "restarting":
      return { words: phase.message || "Restarting. Your session is kept.", tone: "busy", late: true };
    case "failed":
      return { words: phase.message || "This Space has stopped working.", tone: "bad", late: false };
    case "stopped":
      return { words: phase.message || "Paused by its owner.", tone: "bad", late: false };
  }
  return notice && { words: NOTICES[notice], tone: "good", late: false };
}

function useStuck(session: Session): boolean {
  const connection = session.connection.value;
  const waits = (connection === "lost" || connection === "connecting") && !session.refusal.value;
  const [stuck, setStuck] = useState(false);
  useEffect(() => {
    setStuck(false);
    if (!waits) return;
    const timer = setTimeout(() => setStuck(true), STUCK_MS);
    return () => clearTimeout(timer);
  }, [waits]);
  return waits && stuck;
}

/** The newest notice, for as long as it takes to read. */
function usePassing(session: Session): Notice | null {
  const newest = session.notice.value;
  const [seen, setSeen] = useState(0);
  useEffect(() => {
    if (!newest) return;
    const timer = setTimeout(() => setSeen(newest.id), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [newest]);
  return newest && newest.id > seen ? newest.kind : null;
}

function useLate(line: Line | null): Line | null {
  const [due, setDue] = useState(false);
  const words = line?.late ? line.words : "";
  useEffect(() => {
    setDue(false);
    if (!words) return;
    const timer = setTimeout(() => setDue(true), LATE_MS);
    return () => clearTimeout(timer);
  }, [words]);
  return line && line.late && !due ? null : line;
}

export function Toasts({ session }: { session: Session }) {
  const toasts = session.page.toasts.value;
  const cards = (urgent: boolean) =>
    toasts
      .filter((t) => (t.kind === "error") === urgent)
      .map((t) => <ToastCard key={t.id} toast={t} close={() => session.page.dismissToast(t.id)} />);
  return (
    <div class="toasts">
      <div role="status">{cards(false)}</div>
      <div role="alert">{cards(true)}</div>
    </div>
  );
}

const TOAST_ICONS = { info: "info", success: "check", warn: "alert", error: "alert" } as const;
const TOAST_KINDS: Readonly<Record<string, string>> = { warn: "Warning: ", error: "Error: " };

/** It waits for who reads or has it in hand. What went wrong is said at once, and stays longer. */
function ToastCard({ toast, close }: { toast: Toast; close: () => void }) {
  const [held, setHeld] = useState(false);
  const ms = toast.duration === null ? TOAST_MS * (toast.kind === "error" ? 2 : 1) : toast.duration * 1000;
  useEffect(() => {
    if (held || ms === 0) return;
    const timer = setTimeout(close, Math.min(ms, TIMER_MAX));
    return () => clearTimeout(timer);
  }, [held]);
  return (
    <div
      class={`toast ${toast.kind}`}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
      onKeyDown={(e) => e.key === "Escape" && close()}
    >
      <Icon name={TOAST_ICONS[toast.kind]} />
      <div class="toast-words">
        {TOAST_KINDS[toast.kind] && <span class="hidden">{TOAST_KINDS[toast.kind]}</span>}
        {toast.title && <p class="toast-title">{toast.title}</p>}
        <p>{toast.message}</p>
      </div>
      <button type="button" class="chip-button quiet" aria-label="Dismiss" onClick={close}>
        <Icon name="close" />
      </button>
    </div>
  );
}
