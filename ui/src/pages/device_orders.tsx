/* An administrator's word about a device: drained, taken out, given back. Knows no call. */
import { useState } from "preact/hooks";
import type { Device } from "./top_view";

export type Act = "drain" | "exclude" | "return";

interface Order {
  readonly act: Act;
  readonly name: string;
  readonly means: string;
}

const DRAIN: Order = { act: "drain", name: "Drain", means: "What runs here ends; nothing new comes, and models move to other devices." };
const EXCLUDE: Order = { act: "exclude", name: "Take out", means: "What runs here ends at once, and whoever asked for it reads your reason." };
const RETURN: Order = { act: "return", name: "Return", means: "" };

const ORDERS: Readonly<Record<string, readonly Order[]>> = {
  serving: [DRAIN, EXCLUDE],
  draining: [EXCLUDE, RETURN],
  excluded: [RETURN],
  failed: [RETURN],
};

const LAST = "It is the last device in service: until one is back, every model call is refused, and visitors read that no device is in service.";

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
  const give = async (what: Order, reason: string) => {
    setBusy(true);
    setError("");
    const why = await order(what.act, reason);
    setBusy(false);
    setError(why);
    if (!why) ask(null);
  };
  return (
    <>
      {!asked && (
        <div class="device-orders">
          {(ORDERS[device.state] ?? []).map((o) => (
            <button
              key={o.act}
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
            <input class="input" name="reason" required={asked.act === "exclude"} maxLength={200} autoComplete="off" />
          </label>
          <div class="device-orders">
            <button class={`button ${asked.act === "exclude" ? "stop" : ""}`} disabled={busy}>
              {`${asked.name} ${device.name}`}
            </button>
            <button type="button" class="button secondary" onClick={() => ask(null)}>
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
