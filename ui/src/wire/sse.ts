/* Reads a text/event-stream (WHATWG HTML, 9.2.6) piece by piece. Knows nothing of what it carries. */

export interface StreamEvent {
  readonly name: string;
  /** As the stream last said; "": never. */
  readonly id: string;
  readonly data: string;
}

export class EventReader {
  #rest = "";
  #name = "";
  #id = "";
  #data: string[] = [];

  /** The events that are complete with this piece of text. */
  read(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    // A CR at the end may be half of a CRLF.
    const all = this.#rest + text;
    const held = all.endsWith("\r") ? all.length - 1 : all.length;
    const lines = all.slice(0, held).split(/\r\n|\r|\n/);

    this.#rest = (lines.pop() ?? "") + all.slice(held);
    for (const line of lines) {
      const event = this.#line(line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line: string): StreamEvent | null {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);

    if (field === "event") this.#name = value;
    else if (field === "id") this.#id = value;
    else if (field === "data") this.#data.push(value);
    return null;
  }

  #end(): StreamEvent | null {
    const event = { name: this.#name || "message", id: this.#id, data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#name = "";
    this.#data = [];
    return empty ? null : event;
  }
}
