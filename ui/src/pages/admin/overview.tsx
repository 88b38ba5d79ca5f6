/* The first of the administrators' pages: is anything wrong, who waits, how long will the disk last; and the charts. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../../widgets/icon";
import { call } from "../api";
import { known, Show } from "../frame";
import { useCall } from "../use_call";
import { agoWords, fullTime } from "../words";
import { AdminFrame } from "./admin_frame";
import { runs, summary, valueWords, type History, type Series } from "./overview_model";

const LOOK_MS = 5000;

interface Status {
  readonly version: string;
  readonly startedAt: string;
  readonly links: Readonly<Record<string, boolean>>;
  readonly problems: readonly string[];
  readonly disk: { readonly state: string; readonly totalBytes: number; readonly freeBytes: number; /** How long, as a sentence. */ readonly lasts: string };
  readonly numbers: Readonly<Record<string, number>>;
  readonly workers: readonly { readonly replica: string; readonly space: string | null; readonly phase: string }[];
  readonly warnings: readonly { readonly time: string; readonly service: string; readonly level: string; readonly words: string }[];
}

const SPANS = { hour: "Last hour", day: "Last day", month: "Last month" } as const;
type SpanName = keyof typeof SPANS;

export function Overview() {
  const [round, setRound] = useState(0);
  const [status, again] = useCall(() => known.then(() => call<Status>("GET", "/api/status")), `status ${round}`);
  const [last, setLast] = useState<Status | null>(null);
  useEffect(() => {
    if (status.state === "ready") setLast(status.value);
  }, [status]);
  useEffect(() => {
    const timer = setInterval(() => setRound((n) => n + 1), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <AdminFrame tab="">
      {last && status.state !== "failed" ? <Whole status={last} /> : <Show loaded={status} again={again}>{(value) => <Whole status={value} />}</Show>}
    </AdminFrame>
  );
}

function Whole({ status }: { status: Status }) {
  return (
    <>
      <Verdict problems={status.problems} />
      <Tiles status={status} />
      <p>
        <a href="/-/top">What the devices do now, and what waits for them</a>
      </p>
      <Charts />
      <Workers workers={status.workers} />
      <Warnings warnings={status.warnings} />
      <p class="faint">
        Version {status.version}, started <span title={fullTime(status.startedAt)}>{agoWords(status.startedAt)}</span>
      </p>
    </>
  );
}

function Verdict({ problems }: { problems: readonly string[] }) {
  if (problems.length === 0) {
    return (
      <p class="admin-verdict good" role="status">
        <Icon name="check" /> Nothing is wrong.
      </p>
    );
  }
  return (
    <section class="admin-verdict bad" role="alert">
      <Icon name="alert" />
      <ul>
        {problems.map((p) => (
          <li key={p}>{`${p.slice(0, 1).toUpperCase()}${p.slice(1)}.`}</li>
        ))}
      </ul>
    </section>
  );
}

function Tiles({ status }: { status: Status }) {
  const n = (name: string) => status.numbers[name] ?? 0;
  return (
    <dl class="admin-tiles">
      <Tile name="Pages open" value={String(n("sockets"))} words={n("sessionsKept") === 1 ? "1 session kept" : `${n("sessionsKept")} sessions kept`} />
      <Tile name="Spaces awake" value={String(n("awake"))} words={`of ${n("spaces")}`} />
      <Tile name="Boxes in use" value={String(n("boxesRunning"))} words={`of ${n("boxSlots")}`} />
      <Tile name="Who waits" value={String(n("eventsWaiting"))} words={`for a handler; ${n("modelCallsOpen")} model calls queued or running`} />
      <Disk disk={status.disk} />
    </dl>
  );
}

function Tile({ name, value, words, tone = "" }: { name: string; value: string; words: string; tone?: string }) {
  return (
    <div class={`admin-tile ${tone}`}>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <span class="faint">{words}</span>
      </dd>
    </div>
  );
}

function useHistory(span: SpanName, every: number): History | null {
  const [history, setHistory] = useState<History | null>(null);
  useEffect(() => {
    let wanted = true;
    const ask = () => void known.then(() => call<History>("GET", `/api/history?span=${span}`)).then((h) => wanted && setHistory(h), () => {});
    ask();
    const timer = setInterval(ask, every);
    return () => {
      wanted = false;
      clearInterval(timer);
    };
  }, [span]);
  return history;
}

function Disk({ disk }: { disk: Status["disk"] }) {
  return <Tile name="Disk" value={valueWords(disk.freeBytes, "B")} words={`free of ${valueWords(disk.totalBytes, "B")}. ${disk.lasts}`} tone={disk.state === "ok" ? "" : "bad"} />;
}

function Charts() {
  const [span, setSpan] = useState<SpanName>("hour");
  const history = useHistory(span, 15_000);
  return (
    <section aria-label="Charts">
      <fieldset class="admin-span">
        <legend class="hidden">Time that the charts show</legend>
        <div class="switch">
          {Object.entries(SPANS).map(([name, words]) => (
            <label key={name}>
              <input type="radio" name="span" checked={span === name} onChange={() => setSpan(name as SpanName)} />
              <span>{words}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div class="admin-charts">
        {history?.series.map((s) => <Chart key={s.name} series={s} history={history} />)}
      </div>
    </section>
  );
}

const WIDTH = 300;
const HEIGHT = 72;

function Chart({ series, history }: { series: Series; history: History }) {
  const [at, setAt] = useState<number | null>(null);
  const { now, most } = summary(series.values);
  const top = series.unit === "share" ? 1 : most;
  const lines = runs(series.values, WIDTH, HEIGHT, top);
  const pointed = at === null ? null : series.values[at];
  const said = pointed === null || pointed === undefined ? now : pointed;
  const time = at === null ? "" : new Date((history.start + at * history.step) * 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
  const point = (e: PointerEvent) => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    const i = Math.round(((e.clientX - box.left) / Math.max(1, box.width)) * (series.values.length - 1));
    setAt(Math.max(0, Math.min(series.values.length - 1, i)));
  };
  return (
    <figure class="admin-chart">
      <figcaption>
        <span>{series.words}</span>
        <b>{said === null ? "–" : valueWords(said, series.unit)}</b>
      </figcaption>
      <svg
        viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${series.words}: ${now === null ? "nothing measured" : `now ${valueWords(now, series.unit)}, at most ${valueWords(most, series.unit)}`}`}
        onPointerMove={point}
        onPointerLeave={() => setAt(null)}
      >
        <path class="admin-ground" d={`M0 ${HEIGHT}H${WIDTH}`} />
        {lines.map((d) => (
          <path key={d} class="admin-line" d={d} />
        ))}
        {at !== null && <path class="admin-at" d={`M${((at / Math.max(1, series.values.length - 1)) * WIDTH).toFixed(1)} 0V${HEIGHT}`} />}
      </svg>
      <p class="faint">{time || (now === null ? "Nothing measured yet" : `at most ${valueWords(most, series.unit)}`)}</p>
    </figure>
  );
}

function Workers({ workers }: { workers: Status["workers"] }) {
  return (
    <section class="panel" aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      {workers.length === 0 ? (
        <p class="nothing-here">No Space is awake.</p>
      ) : (
        <ul class="rows">
          {workers.slice(0, 50).map((w) => (
            <li key={w.replica} class="row-item">
              {w.space ? (
                <a class="row-words" href={`/spaces/${w.space}`}>
                  {w.space}
                </a>
              ) : (
                <span class="row-words">A build</span>
              )}
              <span class="badge calm">{w.phase}</span>
            </li>
          ))}
        </ul>
      )}
      {workers.length > 50 && <p class="faint">and {workers.length - 50} more: vitrine status</p>}
    </section>
  );
}

function Warnings({ warnings }: { warnings: Status["warnings"] }) {
  return (
    <section class="panel" aria-labelledby="warnings">
      <h2 id="warnings">Last warnings</h2>
      {warnings.length === 0 ? (
        <p class="nothing-here">None in the last 24 hours.</p>
      ) : (
        <ul class="rows">
          {warnings.map((w) => (
            <li key={`${w.time}${w.words}`} class="row-item">
              <div class="row-words">
                <p class="admin-words">{w.words}</p>
                <p class="faint">
                  {w.service}, <span title={fullTime(w.time)}>{agoWords(w.time)}</span>
                </p>
              </div>
              <span class={`badge ${w.level === "error" ? "bad" : "calm"}`}>{w.level}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
