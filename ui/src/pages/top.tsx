/* For administrators: what each device does now, for whom, and what waits and why. */
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "./api";
import { Frame, known, Show } from "./frame";
import { TopView, type Top } from "./top_view";
import { useCall } from "./use_call";

const EVERY_MS = 2000;

export function TopPage() {
  const [loaded, again] = useCall(() => known.then(() => call<Top>("GET", "/api/top")), "top");
  return (
    <Frame title="What runs now">
      <h1 class="platform-title">What runs now</h1>
      <Show loaded={loaded} again={again}>
        {(first) => <Live first={first} />}
      </Show>
    </Frame>
  );
}

/** Asks anew every other second; what was known last stays while there is no answer. */
function Live({ first }: { first: Top }) {
  const [now, setNow] = useState(first);
  const [late, setLate] = useState(false);
  const busy = useRef<BusyMeter>(new BusyMeter());
  useEffect(() => {
    let wanted = true;
    const timer = setInterval(() => {
      if (document.hidden) return;
      call<Top>("GET", "/api/top").then(
        (top) => {
          if (!wanted) return;
          setNow(top);
          setLate(false);
        },
        () => wanted && setLate(true),
      );
    }, EVERY_MS);
    return () => {
      wanted = false;
      clearInterval(timer);
    };
  }, []);
  return <TopView top={now} late={late} busy={busy.current.of(now)} />;
}

/** Of the time between two answers, how much each device was busy. */
class BusyMeter {
  #before: { readonly top: Top; readonly at: number } | null = null;
  #last: readonly (number | null)[] = [];

  of(top: Top): readonly (number | null)[] {
    const at = Date.now() - top.toldMs;
    const before = this.#before;
    if (before?.top === top) return this.#last;
    const ms = before ? at - before.at : 0;
    this.#last = top.devices.map((d, i) => {
      const was = before?.top.devices[i];
      return was && ms > 500 ? Math.min(1, Math.max(0, (d.busyMs - was.busyMs) / ms)) : null;
    });
    this.#before = { top, at };
    return this.#last;
  }
}
