/* What went wrong, where it went wrong. Its owner sees the line; a visitor, a reference to quote. */
import { FAIL_CANCELLED, FAIL_INVALID, FAIL_LIMIT } from "proto";
import type { Failure, Interrupted } from "../state/page";
import type { NodeId } from "../wire/messages";
import { Icon } from "./icon";
import { useSpace } from "./space";

export function FailureAt({ node }: { node: NodeId }) {
  const { base, session } = useSpace();
  const { page } = session;
  const failure = page.failures.value.get(node);
  const lost = page.interrupted.value.filter((i) => i.node === node);
  return (
    <>
      {failure && <FailureCard id={`c${node}-failure`} failure={failure} logs={`${base}/-/logs`} close={() => page.forgive(node)} />}
      {lost.map((i) => (
        <InterruptedCard key={i.n} lost={i} />
      ))}
    </>
  );
}

interface CardProps {
  readonly id: string;
  readonly failure: Failure;
  /** Address of the Space's log, for its owner. */
  readonly logs?: string;
  readonly close: () => void;
}

export function FailureCard({ id, failure, logs, close }: CardProps) {
  if (failure.kind === FAIL_CANCELLED) {
    return (
      <p class="note" role="status" id={id}>
        Stopped.
      </p>
    );
  }
  const place = failure.file ? `${failure.file}${failure.line ? `:${failure.line}` : ""}` : null;
  return (
    <section class={failure.kind === FAIL_INVALID ? "card invalid" : "card failed"} role="alert" id={id}>
      <Icon name="alert" />
      <div class="card-body">
        {failure.kind !== FAIL_INVALID && (
          <p class="card-title">{failure.kind === FAIL_LIMIT ? "Stopped at a limit" : "Something went wrong"}</p>
        )}
        <p class="source">{failure.message}</p>
        {place && <p class="mono">{place}</p>}
        {failure.traceback && (
          <details>
            <summary>Traceback</summary>
            <pre tabIndex={0}>{failure.traceback}</pre>
          </details>
        )}
        {failure.reference && (
          <p class="faint">
            {/* Only its owner is told where it happened. */}
            Reference {logs && place ? <a href={`${logs}#${failure.reference}`}>{failure.reference}</a> : failure.reference}
          </p>
        )}
      </div>
      <button type="button" class="chip-button quiet" aria-label="Dismiss" onClick={close}>
        <Icon name="close" />
      </button>
    </section>
  );
}

function InterruptedCard({ lost }: { lost: Interrupted }) {
  const { session } = useSpace();
  return (
    <section class="card interrupted" role="alert">
      <Icon name="retry" />
      <div class="card-body">
        <p class="card-title">This was interrupted</p>
        <p>It stopped before it was done. Your input is kept.</p>
        {lost.message && <p class="faint">{lost.message}</p>}
        <div class="card-actions">
          <button type="button" class="button primary small" onClick={() => session.retry(lost.n)}>
            Retry
          </button>
          <button type="button" class="button secondary small" onClick={() => session.dismiss(lost.n)}>
            Dismiss
          </button>
        </div>
      </div>
    </section>
  );
}
