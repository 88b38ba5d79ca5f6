/* One line of a log as the server sends it. */
export interface Line {
  readonly id: number;
  readonly time: string;
  readonly level: string;
  readonly line: string;
}

/** Lines carry µs since 1970; a text is taken as it is. */
function isoTime(time: unknown): string {
  return typeof time === "number" && Math.abs(time) < 8.64e18 ? new Date(time / 1000).toISOString() : String(time ?? "");
}

export function readLine(id: number, data: string): Line {
  try {
    const { time, level, line, message } = JSON.parse(data) as Record<string, unknown>;
    return {
      id,
      time: isoTime(time),
      // What the worker's host writes begins with its level.
      level: /^(?:error|warn)\b/.exec(String(level ?? line))?.[0] ?? "info",
      line: String(line ?? message ?? ""),
    };
  } catch {
    return { id, time: "", level: "info", line: data };
  }
}
