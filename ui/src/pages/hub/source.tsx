/* A text that is changed in the editor of code_editor.ts, which comes when it is needed. */
import { useEffect, useRef, useState } from "preact/hooks";
import { FormNote } from "../frame";
import type { Editor } from "./code_editor";
import "./hub_style";

interface SourceProps {
  readonly text: string;
  readonly language: string;
  readonly label: string;
  readonly ready: (editor: Editor) => void;
  readonly changed: () => void;
  readonly save: () => void;
}

/** The editor's code is a file of its own; the text stands in its place until it is there. */
export function Source(props: SourceProps) {
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const [state, setState] = useState<"loading" | "ready" | "failed">("loading");
  useEffect(() => {
    let editor: Editor | null = null;
    let gone = false;
    import("./code_editor").then(
      ({ makeEditor }) => {
        if (gone || !box.current) return;
        const { text, language, label } = latest.current;
        editor = makeEditor(box.current, { text, language, label, changed: () => latest.current.changed(), save: () => latest.current.save() });
        latest.current.ready(editor);
        setState("ready");
      },
      () => setState("failed"),
    );
    return () => {
      gone = true;
      editor?.end();
    };
  }, [props.language]);
  return (
    <>
      {state === "loading" && <pre class="edit-waiting">{props.text}</pre>}
      {state === "failed" && <FormNote error="The editor could not be loaded. Reload the page." />}
      <div class="edit-source" ref={box} />
    </>
  );
}
