/* What each device does, as it was told: knows no call and no clock. */
import type { ComponentChildren } from "preact";
import { msWords } from "./words";

const MIB = 1 << 20;

export interface Device {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly hardware?: string;
  readonly warning?: string;
  readonly model: string;
  readonly memoryBytes: number;
  readonly memoryMaxBytes: number;
  readonly keysBytes: number;
  readonly keysMaxBytes: number;
  readonly busyMs: number;
}

/** What no pool was given has no name; used, lent and borrowed are parts of the last seconds. */
interface Pool {
  readonly name: string;
  readonly percent: number;
  readonly lend: boolean;
  readonly borrow: boolean;
  readonly requests: number;
  readonly used: number;
  readonly lent: number;
  readonly borrowed: number;
}

interface Row {
  readonly payer: string;
  readonly space: string;
  readonly session: number;
  readonly event: number;
  readonly ageMs: number;
  readonly model?: string;
  readonly deviceMs?: number;
  readonly tokensOut?: number;
  readonly place?: number;
  readonly expectedMs?: number;
  readonly reason?: string;
}

export interface Top {
  readonly connected: boolean;
  readonly toldMs: number;
  readonly devices: readonly Device[];
  /** None where all of a device is everybody's. */
  readonly pools?: readonly Pool[];
  readonly running: readonly Row[];
  readonly waiting: readonly Row[];
  readonly runningAll: number;
  readonly waitingAll: number;
}

interface TopViewProps {
  readonly top: Top;
  readonly late: boolean;
  readonly busy: readonly (number | null)[];
  /** What one can do with a device. */
  readonly orders: (device: Device) => ComponentChildren;
}

export function TopView({ top, late, busy, orders }: TopViewProps) {
  return (
    <>
      {(late || !top.connected) && (
        <p class="notice" role="status">
          {late ? "No answer just now; this is what was known last." : "The model service is not connected: model calls fail. This is what was known last."}
        </p>
      )}
      <section class="panel" aria-labelledby="devices">
        <h2 id="devices">Devices</h2>
        {top.devices.length === 0 ? (
          <p class="nothing-here">Nothing has been told yet.</p>
        ) : (
          <ul class="rows">
            {top.devices.map((d, i) => (
              <DeviceRow key={d.name} device={d} busy={busy[i] ?? null} orders={orders(d)} />
            ))}
          </ul>
        )}
      </section>
      {top.pools !== undefined && top.pools.length > 0 && <Pools pools={top.pools} />}
      <Calls id="running" title="Running" none="Nothing runs." rows={top.running} all={top.runningAll} />
      <Calls id="waiting" title="Waiting" none="Nobody waits." rows={top.waiting} all={top.waitingAll} />
    </>
  );
}

const mib = (bytes: number) => Math.round(bytes / MIB);

const doing = (d: Device) => (d.state === "excluded" || d.state === "failed" ? "runs nothing" : d.model ? `runs ${d.model}` : "is idle");

function DeviceRow({ device: d, busy, orders }: { device: Device; busy: number | null; orders: ComponentChildren }) {
  return (
    <li class="row-item">
      <div class="row-words">
        <strong>{d.name}</strong> {doing(d)}{" "}
        <span class={`badge ${d.state === "serving" ? "good" : d.state === "draining" ? "calm" : "bad"}`}>{d.state}</span>
        {d.hardware && <p class="faint device-reason">{d.hardware}</p>}
        {d.warning && <p class="device-warning">{d.warning}</p>}
        {d.reason && <p class="device-reason">{d.reason}</p>}
        <p class="faint device-reason">
          {`weights ${mib(d.memoryBytes)} of ${mib(d.memoryMaxBytes)} MiB · keys and values ${mib(d.keysBytes)} of ${mib(d.keysMaxBytes)} MiB`}
          {busy !== null && ` · ${Math.round(busy * 100)} % busy`}
        </p>
        {orders}
      </div>
    </li>
  );
}

function Pools({ pools }: { pools: readonly Pool[] }) {
  return (
    <section class="panel" aria-labelledby="pools">
      <h2 id="pools">Pools</h2>
      <ul class="rows">
        {pools.map((p) => (
          <li key={p.name} class="row-item">
            <span class="row-words">
              <strong>{p.name || "All others"}</strong> {`has ${p.percent} %`}
              <br />
              <span class="faint">{poolWords(p)}</span>
            </span>
            <span class="badge calm">{p.requests === 1 ? "1 call" : `${p.requests} calls`}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const percent = (part: number) => Math.round(part * 100);

function poolWords(p: Pool): string {
  const lent = p.lend ? (percent(p.lent) > 0 ? ` · ${percent(p.lent)} % lent` : "") : " · lends nothing";
  const borrowed = p.borrow ? (percent(p.borrowed) > 0 ? ` · ${percent(p.borrowed)} % borrowed` : "") : " · borrows nothing";
  return `${percent(p.used)} % used${lent}${borrowed}`;
}

function Calls({ id, title, none, rows, all }: { id: string; title: string; none: string; rows: readonly Row[]; all: number }) {
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>
        {title} <span class="faint">{all}</span>
      </h2>
      {rows.length === 0 ? (
        <p class="nothing-here">{none}</p>
      ) : (
        <ul class="rows">
          {rows.map((row, i) => (
            <CallRow key={i} row={row} />
          ))}
        </ul>
      )}
      {all > rows.length && <p class="faint">{`And ${all - rows.length} more.`}</p>}
    </section>
  );
}

function CallRow({ row }: { row: Row }) {
  return (
    <li class="row-item">
      <span class="row-words">
        {row.space ? <a href={`/spaces/${row.space}`}>{row.space}</a> : "Over HTTP"} <span class="faint">for {row.payer}</span>
        <br />
        <span class="faint">{row.reason ? waitingWords(row) : runningWords(row)}</span>
      </span>
      <span class="badge calm">{msWords(row.ageMs)}</span>
    </li>
  );
}

function waitingWords(row: Row): string {
  return `${row.reason ?? ""}${row.expectedMs ? `, about ${msWords(row.expectedMs)}` : ""}`;
}

function runningWords(row: Row): string {
  const tokens = row.tokensOut ? ` · ${row.tokensOut} tokens written` : "";
  return `${row.model ?? ""} · ${msWords(row.deviceMs ?? 0)} on the device${tokens}`;
}
