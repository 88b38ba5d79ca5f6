/*
 * HTML of the app's own, in a frame that has no origin: its scripts run, and reach neither this
 * page, nor the platform, nor any other server. frame.html is the platform's; it takes the text from
 * here, and says how high it has become.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { propsOf, valueOf } from "../state/tree";
import { Field } from "./field";
import type { WidgetProps } from "./space";
import { asText } from "./textbox";
import "./text_style";

const HEIGHT_MAX = 4000;

export function Html({ cell }: WidgetProps) {
  const props = propsOf(cell, "html");
  const text = asText(valueOf(cell));
  const frame = useRef<HTMLIFrameElement>(null);
  const [ready, setReady] = useState(false);
  const [height, setHeight] = useState(0);

  useEffect(() => {
    const hear = (e: MessageEvent) => {
      if (e.source !== frame.current?.contentWindow || typeof e.data !== "object" || e.data === null) return;
      const { vitrine } = e.data as { vitrine?: unknown };
      if (vitrine === "ready") setReady(true);
      else if (typeof vitrine === "number" && vitrine >= 0) setHeight(Math.min(HEIGHT_MAX, Math.ceil(vitrine)));
    };
    addEventListener("message", hear);
    return () => removeEventListener("message", hear);
  }, []);
  useEffect(() => {
    if (!ready || !frame.current) return;
    const style = getComputedStyle(frame.current);
    const look = { scheme: style.colorScheme, ink: style.color, font: style.fontFamily };
    // It has no origin that could be named; what it gets, the app has sent to everybody anyway.
    frame.current.contentWindow?.postMessage({ vitrine: text, look }, "*");
  }, [ready, text]);
  return (
    <Field cell={cell} props={props} as="output" class="html">
      <iframe
        ref={frame}
        class="html-frame"
        src="/frame.html"
        sandbox="allow-scripts allow-popups"
        referrerpolicy="no-referrer"
        title={props.label ?? "Content of the app"}
        style={{ height: `${props.height ?? Math.max(height, 24)}px` }}
      />
    </Field>
  );
}
