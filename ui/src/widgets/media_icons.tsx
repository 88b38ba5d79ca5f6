/* Pictograms of pictures and sound, kept from the pages that have none; drawn as those of icon.tsx. */
const PATHS = {
  camera: "M2 5h3l1-2h4l1 2h3v8H2zm6 1.700a2.300 2.300 0 1 0 0 4.600 2.300 2.300 0 0 0 0-4.600Z",
  crop: "M4.500 1.500v10h10M1.500 4.500h10v10",
  eraser: "m6 13.200-3.200-3.200 6.400-6.400 4 4-5.600 5.600zm-.800-5.600 4 4M6 13.200h7",
  microphone: "M8 2a2 2 0 0 0-2 2v3.500a2 2 0 0 0 4 0V4a2 2 0 0 0-2-2ZM3.800 7.500a4.200 4.200 0 0 0 8.400 0M8 11.700V14",
  pause: "M5.500 3.500v9m5-9v9",
  pen: "m3 13 .700-3L10.500 3.200l2.300 2.300L6 12.300z",
  play: "M5 3.200v9.600L12.500 8z",
  turn: "M3 8a5 5 0 1 0 1.600-3.700M3 2v3h3",
  undo: "M5.500 3 2.500 6l3 3M3 6h6.500a3.500 3.500 0 0 1 0 7H6",
  whole: "M2.500 6V2.500H6m4 0h3.500V6m0 4v3.500H10m-4 0H2.500V10",
  zoom: "M7 2.800a4.200 4.200 0 1 0 0 8.400 4.200 4.200 0 0 0 0-8.400Zm3.200 7.400 3.300 3.300M5.200 7h3.600M7 5.200v3.600",
} as const;

export function MediaIcon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
