/* What a file is, and its text when it is one. */
import { send } from "../api";
import { viewPath, type RepoId } from "./repo";

/** Longer texts are not shown: whoever wants them takes the file. */
export const SHOWN_MAX = 1_000_000;

export type Look = "text" | "markdown" | "picture" | "sound" | "film" | "tensors" | "other";

const BY_ENDING: Readonly<Record<string, Look>> = {
  md: "markdown",
  markdown: "markdown",
  safetensors: "tensors",
  ...Object.fromEntries(["png", "jpg", "jpeg", "gif", "webp", "avif", "bmp", "ico"].map((end) => [end, "picture"])),
  ...Object.fromEntries(["wav", "mp3", "ogg", "oga", "opus", "flac", "m4a"].map((end) => [end, "sound"])),
  ...Object.fromEntries(["mp4", "webm", "mov", "mkv"].map((end) => [end, "film"])),
  ...Object.fromEntries(
    ["bin", "onnx", "gguf", "pt", "pth", "pkl", "npy", "npz", "parquet", "arrow", "zip", "gz", "tar", "xz", "zst", "7z", "pdf", "wasm", "so", "h5"].map((end) => [end, "other"]),
  ),
};

export function lookOf(path: string): Look {
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(BY_ENDING, ending) ? BY_ENDING[ending]! : "text";
}

/** The language that the highlighter knows a file's code by: its ending. */
export function languageOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (/^(Dockerfile|Makefile|\.gitignore|\.gitattributes|\.env)/.test(name)) return "bash";
  return /\.([^.]+)$/.exec(name)?.[1] ?? "";
}

/** A zero byte, or what is no UTF-8: git's way to tell, and a page's. */
export function textOf(bytes: Uint8Array): string | null {
  if (bytes.subarray(0, 8000).includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The bytes of a file as git has it. */
export async function fileBytes(id: RepoId, rev: string, path: string): Promise<Uint8Array> {
  const answer = await send(viewPath(id, "raw", rev, path), { accept: "*/*" });
  return new Uint8Array(await answer.arrayBuffer());
}

export async function fileText(id: RepoId, rev: string, path: string): Promise<string> {
  return textOf(await fileBytes(id, rev, path)) ?? "";
}
