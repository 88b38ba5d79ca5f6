/* A file on its way up. XMLHttpRequest, because fetch does not tell how far a body is. */
import type { FileValue } from "../widgets/space";

export function uploadFile(
  base: string,
  session: string,
  file: File,
  max: number,
  progress: (fraction: number) => void,
): Promise<FileValue> {
  if (file.size > max) {
    return Promise.reject(new Error(`${file.name} has ${sizeWords(file.size)}; at most ${sizeWords(max)} can be uploaded.`));
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${base}/-/upload?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-Session", session);
    request.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
    request.onerror = () => reject(new Error("The upload was cut off. Try again."));
    request.onload = () => {
      const answer = parse(request.responseText);
      if (request.status >= 200 && request.status < 300 && typeof answer["file"] === "string") {
        resolve({
          file: answer["file"],
          name: String(answer["name"] ?? file.name),
          type: String(answer["type"] ?? file.type),
          size: Number(answer["size"] ?? file.size),
        });
      } else {
        reject(new Error(typeof answer["error"] === "string" ? answer["error"] : `The upload was refused (${request.status}).`));
      }
    };
    request.send(file);
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function sizeWords(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
