/* The pictograms that buttons may have, drawn as those of icon.tsx. */
import type { WidgetProps } from "./space";

const PATHS: Readonly<Record<string, string>> = {
  add: "M8 3v10M3 8h10",
  check: "m3 8.5 3.2 3.2L13 4.8",
  close: "m4 4 8 8m0-8-8 8",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  download: "M8 2.5v7.5m-3.2-3L8 10.2 11.2 7M2.8 13.3h10.4",
  edit: "m3 13 .7-3L10.9 2.8l2.3 2.3L6 12.3zM9.5 4.2l2.3 2.3",
  external: "M9 3h4v4m0-4L7.5 8.5M6.5 4H3v9h9V9.5",
  file: "M4 1.8h5l3 3v9.4H4zM8.8 2v3h3",
  heart: "M8 13.2 2.9 8.1a3.1 3.1 0 0 1 4.4-4.4l.7.7.7-.7a3.1 3.1 0 0 1 4.4 4.4Z",
  image: "M2.5 3h11v10h-11zm0 7.5L6 7.5l3 3 1.5-1.5 3 2.5M10.5 6v.1",
  pause: "M5.5 3.5v9m5-9v9",
  play: "M5 3.2v9.6L12.6 8z",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  save: "M3 3h8l2 2v8H3zm2.5 0v3.5h5V3m-5 10V9.5h5V13",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4Zm3.2 7.4 3.3 3.3",
  send: "M2.5 8 13.5 3l-4 10.5L8 9z",
  settings: "M2.5 5h6m3 0h2m-11 6h2m3 0h6M8.5 3.3v3.4h3V3.3zm-4 6v3.4h3V9.3z",
  sparkles: "m7 2.5 1.3 3.7L12 7.5 8.3 8.8 7 12.5 5.7 8.8 2 7.5l3.7-1.3ZM12.5 2v2.5M11.3 3.2h2.4M12.5 11v2.5m-1.2-1.2h2.4",
  star: "m8 2 1.8 3.8 4.2.6-3 2.9.7 4.2L8 11.5l-3.7 2 .7-4.2-3-2.9 4.2-.6z",
  stop: "M4.5 4.5h7v7h-7z",
  trash: "M2.8 4.3h10.4M6.2 4V2.5h3.6V4m-5.6.3.6 9.2h6.4l.6-9.2",
  upload: "M8 10.2V2.7m-3.2 3L8 2.5l3.2 3.2M2.8 13.3h10.4",
  user: "M8 2.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4ZM2.8 13.7c.6-2.4 2.6-3.6 5.2-3.6s4.6 1.2 5.2 3.6",
};

/** The component's own. */
export function Glyph({ cell }: WidgetProps) {
  const { icon: name } = cell.props.value;
  if (typeof name !== "string" || !Object.hasOwn(PATHS, name)) return null;
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
