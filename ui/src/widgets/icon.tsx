/* The few pictograms of the pages, drawn on a 16 × 16 grid with strokes of the text's colour. */
const PATHS = {
  alert: "M8 2 1.8 13h12.4L8 2Zm0 4.4v3.2m0 1.7v.1",
  arrow_down: "M8 3v10m-4-4 4 4 4-4",
  arrow_up: "M8 13V3M4 7l4-4 4 4",
  check: "m3 8.5 3.2 3.2L13 4.8",
  chevron: "m6 4 4 4-4 4",
  clip: "M13 7.2 8.2 12a3.1 3.1 0 0 1-4.4-4.4l5-5a2.1 2.1 0 0 1 3 3L7 10.4a1 1 0 0 1-1.5-1.5l4.4-4.4",
  close: "m4 4 8 8m0-8-8 8",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  dislike: "M11 9H13.5V3H11zm0 0L8.6 14c-1.2 0-1.9-.7-1.7-1.9L7.3 10H3.9c-.9 0-1.5-.8-1.3-1.6L3.7 4C3.9 3.4 4.4 3 5 3h6",
  download: "M8 2.5v7.5m-3.2-3L8 10.2 11.2 7M2.8 13.3h10.4",
  edit: "m10.6 3.2 2.2 2.2L5.5 12.7l-2.8.6.6-2.8zM9.2 4.6l2.2 2.2",
  file: "M4 1.8h5l3 3v9.4H4zM8.8 2v3h3",
  folder: "M1.8 3.5h4.4l1.5 1.7h6.5v7.8H1.8z",
  heart: "M8 13.3 2.9 8.3a3.1 3.1 0 0 1 4.4-4.4l.7.7.7-.7a3.1 3.1 0 0 1 4.4 4.4z",
  image: "M2.5 3h11v10h-11zm0 7.5L6 7.5l3 3 1.5-1.5 3 2.5M10.5 6v.1",
  info: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 5.2v3.6m0-6v.1",
  like: "M5 7H2.5v6H5zm0 0 2.4-5c1.2 0 1.9.7 1.7 1.9L8.7 6h3.4c.9 0 1.5.8 1.3 1.6L12.3 12c-.2.6-.7 1-1.3 1H5",
  link: "M6.5 9.5 9.5 6.5M7 4.5l1.5-1.5a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5 7.5 13a3 3 0 0 1-4.3-4.3l1.5-1.5",
  lock: "M4 7.2h8v6.3H4zM5.7 7V5a2.3 2.3 0 0 1 4.6 0v2",
  menu: "M2.5 4.5h11m-11 3.5h11m-11 3.5h11",
  model: "M8 1.8 13.5 5v6L8 14.2 2.5 11V5zM2.7 5.1 8 8.2l5.3-3.1M8 8.2V14",
  moon: "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z",
  plus: "M8 3v10M3 8h10",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4Zm3.2 7.4 3.3 3.3",
  stop: "M4.5 4.5h7v7h-7z",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.4m0 11.2V15M1 8h1.4m11.2 0H15M3 3l1 1m8 8 1 1M3 13l1-1m8-8 1-1",
  table: "M2.5 3h11v10h-11zM2.5 6.3h11m-11 3.4h11M6.5 3v10",
  trash: "M2.8 4.3h10.4M6.2 4V2.5h3.6V4m-5.6.3.6 9.2h6.4l.6-9.2",
  undo: "M3 6h6.5a3.5 3.5 0 0 1 0 7H6M3 6l3-3M3 6l3 3",
  user: "M8 2.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4ZM2.8 13.7c.6-2.4 2.6-3.6 5.2-3.6s4.6 1.2 5.2 3.6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, class: className }: { name: IconName; class?: string }) {
  return (
    <svg class={className ? `icon ${className}` : "icon"} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
