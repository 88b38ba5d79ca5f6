/* For administrators: what each device does now, for whom, and what waits and why. */
import { useEffect, useRef, useState } from "preact/hooks";
import css from "../styles/devices.css" with { type: "text" };
import { addStyle } from "../widgets/style";
import { call } from "./api";
import { DeviceOrders, type Act } from "./device_orders";
import { Frame, known, Show, words } from "./frame";
import { TopView, type Top } from "./top_view";
import { useCall } from "./use_call";

addStyle(css);

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
  const wanted = useRef(true);
  const look = () =>
    void call<Top>("GET", "/api/top").then(
      (top) => {
        if (!wanted.current) return;
        setNow(top);
        setLate(false);
      },
      () => wanted.current && setLate(true),
    );
  useEffect(() => {
    const timer = setInterval(() => document.hidden || look(), EVERY_MS);
    return () => {
      wanted.current = false;
      clearInterval(timer);
    };
  }, []);
  const order = async (name: string, last: boolean, act: Act, reason: string) => {
    try {
      await call("POST", `/api/devices/${encodeURIComponent(name)}/${act}`, { reason, last });
    } catch (failure) {
      return words(failure);
    }
    look();
    return "";
  };
  const serving = now.devices.filter((d) => d.state === "serving").length;
  return (
    <TopView
      top={now}
      late={late}
      busy={busy.current.of(now)}
      orders={(d) => {
        const last = d.state === "serving" && serving === 1;

        return <DeviceOrders device={d} last={last} order={(act, reason) => order(d.name, last, act, reason)} />;
      }}
    />
  );
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
