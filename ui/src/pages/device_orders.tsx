/* An administrator's word about a device: drained, excluded, returned. Knows no call. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Device } from "./top_view";

export type Act = "drain" | "exclude" | "return";

interface Order {
  readonly act: Act;
  readonly name: string;
  readonly means: string;
}

const DRAIN: Order = { act: "drain", name: "Drain", means: "What runs here ends; nothing new comes, and models move to other devices." };
const EXCLUDE: Order = { act: "exclude", name: "Exclude", means: "What runs here ends at once, and whoever asked for it reads your reason." };
const RETURN: Order = { act: "return", name: "Return", means: "" };

const ORDERS: Readonly<Record<string, readonly Order[]>> = {
  serving: [DRAIN, EXCLUDE],
  draining: [EXCLUDE, RETURN],
  excluded: [RETURN],
  failed: [RETURN],
};

const LAST = "It is the last device in service: until one is back, every model call is refused, and visitors read that no device is in service.";

/** What had the focus is gone; whoever has gone elsewhere meanwhile is left there. */
const isLost = () => document.activeElement === null || document.activeElement === document.body;

/** The button that was pressed or, where the device's state has none such, its first. */
function toButton(box: HTMLElement | null, act: Act) {
  const there = box?.querySelector<HTMLElement>(`[data-act="${act}"]`) ?? box?.querySelector<HTMLElement>("button");
  there?.focus();
}

interface DeviceOrdersProps {
  readonly device: Device;
  /** No other device is in service. */
  readonly last: boolean;
  /** Resolves to why not; "": it is so. */
  readonly order: (act: Act, reason: string) => Promise<string>;
}

export function DeviceOrders({ device, last, order }: DeviceOrdersProps) {
  const [asked, ask] = useState<Order | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const buttons = useRef<HTMLDivElement>(null);
  const reasonField = useRef<HTMLInputElement>(null);
  const back = useRef<Act | null>(null);
  useLayoutEffect(() => {
    if (asked) reasonField.current?.focus();
    else if (back.current && isLost()) toButton(buttons.current, back.current);
  }, [asked, device.state]);
  const give = async (what: Order, reason: string) => {
    back.current = what.act;
    setBusy(true);
    setError("");
    const why = await order(what.act, reason);
    setBusy(false);
    setError(why);
    if (!why) ask(null);
  };
  const leave = (what: Order) => {
    back.current = what.act;
    setError("");
    ask(null);
  };
  return (
    <>
      {!asked && (
        <div class="device-orders" ref={buttons}>
          {(ORDERS[device.state] ?? []).map((o) => (
            <button
              key={o.act}
              data-act={o.act}
              type="button"
              class={`button ${o.act === "exclude" ? "stop" : "secondary"}`}
              disabled={busy}
              aria-label={`${o.name} ${device.name}`}
              onClick={() => (o.means ? ask(o) : void give(o, ""))}
            >
              {o.name}
            </button>
          ))}
        </div>
      )}
      {asked && (
        <form
          class="device-form"
          onSubmit={(e) => {
            e.preventDefault();
            void give(asked, String(new FormData(e.currentTarget as HTMLFormElement).get("reason")).trim());
          }}
        >
          <p>{asked.means}</p>
          {last && device.state === "serving" && <p class="notice">{LAST}</p>}
          <label class="form-field">
            <span class="field-label">Reason{asked.act === "drain" ? ", if you like" : ""}</span>
            <input ref={reasonField} class="input" name="reason" required={asked.act === "exclude"} maxLength={200} autoComplete="off" />
          </label>
          <div class="device-orders">
            <button class={`button ${asked.act === "exclude" ? "stop" : ""}`} disabled={busy}>
              {`${asked.name} ${device.name}`}
            </button>
            <button type="button" class="button secondary" onClick={() => leave(asked)}>
              Leave it
            </button>
          </div>
        </form>
      )}
      {error && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
    </>
  );
}
