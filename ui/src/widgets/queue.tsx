/* Where in the row a gesture of the visitor's stands, at the component it was made at. */
import { useEffect, useState } from "preact/hooks";
import type { Queued } from "../state/page";
import type { NodeId } from "../wire/messages";
import { useSpace } from "./space";

export function QueueAt({ node }: { node: NodeId }) {
  const { page } = useSpace().session;
  const queued = [...page.queue.value.values()].filter((q) => q.node === node);
  return (
    <>
      {queued.map((q) => (
        <QueueLine key={q.n} queued={q} />
      ))}
    </>
  );
}

/** The line counts down every second; who listens hears of it only when the place has changed. */
function QueueLine({ queued }: { queued: Queued }) {
  const left = useCountdown(queued);
  const place = queued.reason ? sentence(queued.reason) : placeWords(queued.place);
  return (
    <p class="queue">
      <span class="spinner" aria-hidden="true" />
      <span class="hidden" role="status">
        {queued.reason ? placeWords(queued.place) : `${place}${waitWords(queued.expected)}`}
      </span>
      <span aria-hidden="true">
        {`${place}${waitWords(left)}`}
        {!queued.reason && <span class="faint">{queued.of > 1 ? ` · ${queued.of} waiting` : " · the run before yours goes on"}</span>}
      </span>
    </p>
  );
}

function useCountdown(queued: Queued): number | null {
  const [left, setLeft] = useState(queued.expected);
  useEffect(() => {
    const from = Date.now();
    const count = () => setLeft(queued.expected === null ? null : queued.expected - (Date.now() - from));
    const timer = setInterval(count, 1000);
    count();
    return () => clearInterval(timer);
  }, [queued]);
  return left;
}

const sentence = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);

const ENDINGS: Readonly<Record<Intl.LDMLPluralRule, string>> = {
  zero: "th",
  one: "st",
  two: "nd",
  few: "rd",
  many: "th",
  other: "th",
};
const ordinals = new Intl.PluralRules("en", { type: "ordinal" });

/** "Next in line", "3rd in line". */
export function placeWords(place: number): string {
  return place <= 1 ? "Next in line" : `${place}${ENDINGS[ordinals.select(place)]} in line`;
}

/** ", about 12 s"; nothing where nobody knows. Coarser the longer it is. */
export function waitWords(ms: number | null): string {
  if (ms === null) return "";
  const seconds = Math.ceil(ms / 1000);
  if (seconds <= 1) return ", any moment";
  if (seconds <= 20) return `, about ${seconds} s`;
  if (seconds <= 90) return `, about ${5 * Math.ceil(seconds / 5)} s`;
  return `, about ${Math.ceil(seconds / 60)} min`;
}
