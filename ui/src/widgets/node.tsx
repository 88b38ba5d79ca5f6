/* From a cell to its widget, with its place in the layout and what went wrong below it. */
import type { FunctionComponent } from "preact";
import type { ComponentType } from "proto";
import type { Cell } from "../state/tree";
import { Button } from "./button";
import { Column } from "./column";
import { FailureAt } from "./failure";
import { Group } from "./group";
import { Label } from "./label";
import { lazy, type LazyWidget } from "./lazy";
import { Markdown } from "./markdown";
import { Progress } from "./progress";
import { loadProse } from "./prose";
import { QueueAt } from "./queue";
import { Render } from "./render";
import { Row } from "./row";
import { Subpage } from "./subpage";
import type { WidgetProps } from "./space";
import { Tab } from "./tab";
import { Textbox } from "./textbox";

const field = (name: keyof typeof import("./fields")) => lazy(() => import("./fields").then((m) => m[name]));

/** Every component of proto/components.def; the compiler counts them. */
export const WIDGETS: Readonly<Record<ComponentType, FunctionComponent<WidgetProps>>> = {
  textbox: Textbox,
  number: field("NumberBox"),
  slider: field("Slider"),
  checkbox: field("Checkbox"),
  radio: field("Radio"),
  dropdown: field("Dropdown"),
  checkbox_group: field("CheckboxGroup"),
  range_slider: field("RangeSlider"),
  datetime: field("Datetime"),
  color: field("Color"),
  upload_button: field("UploadButton"),
  download_button: field("DownloadButton"),
  button: Button,
  label: Label,
  markdown: Markdown,
  json: lazy(() => import("./json").then((m) => m.Json)),
  audio: lazy(() => import("./audio").then((m) => m.Audio)),
  sketch: lazy(() => import("./sketch").then((m) => m.Sketch)),
  video: lazy(() => import("./video").then((m) => m.Video)),
  image: lazy(() => import("./image").then((m) => m.Image)),
  file: lazy(() => import("./file").then((m) => m.File)),
  chatbot: lazy(() => import("./chatbot").then((m) => m.Chatbot)),
  code: lazy(() => import("./code").then((m) => m.Code)),
  highlighted: lazy(() => import("./highlighted").then((m) => m.Highlighted)),
  html: lazy(() => import("./html").then((m) => m.Html)),
  multimodal: lazy(() => import("./multimodal").then((m) => m.Multimodal)),
  gallery: lazy(() => import("./gallery").then((m) => m.Gallery)),
  plot: lazy(() => import("./plot").then((m) => m.Plot)),
  dataframe: lazy(() => import("./dataframe").then((m) => m.Dataframe)),
  examples: lazy(() => import("./examples").then((m) => m.Examples)),
  progress: Progress,
  timer: Nothing,
  state: Nothing,
  pages: lazy(() => import("./pages").then((m) => m.Pages)),
  subpage: Subpage,
  render: Render,
  row: Row,
  column: Column,
  group: Group,
  tabs: lazy(() => import("./tabs").then((m) => m.Tabs)),
  tab: Tab,
  accordion: lazy(() => import("./folding").then((m) => m.Accordion)),
  sidebar: lazy(() => import("./folding").then((m) => m.Sidebar)),
  modal: lazy(() => import("./folding").then((m) => m.Modal)),
};

/** Types whose text is Markdown. */
const PROSE: ReadonlySet<string> = new Set(["markdown", "chatbot"]);

/** Fetches what these components need and no first load has. Null: they are all here. */
export function fetchWidgets(types: ReadonlySet<string>): Promise<unknown> | null {
  const away: Promise<unknown>[] = [];
  for (const type of types) {
    const widget = Object.hasOwn(WIDGETS, type) ? WIDGETS[type as ComponentType] : null;
    if (widget && "ready" in widget) away.push((widget as LazyWidget).ready());
    if (PROSE.has(type)) away.push(loadProse());
  }
  return away.length > 0 ? Promise.all(away) : null;
}

/** Components that take no place on the page. */
const UNSEEN: ReadonlySet<string> = new Set(["timer", "state"] satisfies ComponentType[]);

function Nothing() {
  return null;
}

export function Nodes({ cells, inRow }: { cells: readonly Cell[]; inRow?: boolean }) {
  return (
    <>
      {cells.map((cell) => (
        <Node key={cell.key} cell={cell} inRow={inRow === true} />
      ))}
    </>
  );
}

export function Node({ cell, inRow = false }: { cell: Cell; inRow?: boolean }) {
  const props = cell.props.value;
  if (props["visible"] === false) return null;
  if (UNSEEN.has(cell.type)) return inRow ? null : <FailureAt node={cell.n} />;
  const known = Object.hasOwn(WIDGETS, cell.type);
  const Widget = WIDGETS[cell.type as ComponentType];
  return (
    <div class={`node is-${known ? cell.type : "unknown"}`} {...(inRow ? { style: share(cell) } : {})}>
      {known ? <Widget cell={cell} /> : <p class="nothing">This page is too old for a “{cell.type}”. Reload it.</p>}
      {!inRow && <QueueAt node={cell.n} />}
      {!inRow && <FailureAt node={cell.n} />}
    </div>
  );
}

/** Its share of a row: grows by `scale`, breaks below its smallest useful width. */
function share(cell: Cell): Record<string, string> {
  const { scale, min_width } = cell.props.value as { scale?: number; min_width?: number };
  const grow = typeof scale === "number" ? scale : 1;
  if (grow === 0) return { flex: "0 0 auto" };
  const width = cell.type === "column" ? (min_width ?? 320) : cell.type.endsWith("button") ? 112 : 168;
  return { flex: `${grow} 1 min(100%, ${width}px)` };
}
