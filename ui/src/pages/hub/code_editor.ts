/*
 * The editor of files: CodeMirror, in the colours that code has everywhere here. Its own languages
 * stay away; the highlighter of the pages knows as many, and weighs nothing more.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentUnit } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, RangeSetBuilder } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, ViewPlugin, type DecorationSet, type ViewUpdate } from "@codemirror/view";
import { tokens } from "../../widgets/highlight";

export interface Editor {
  text(): string;
  setText(text: string): void;
  focus(): void;
  end(): void;
}

interface Options {
  readonly text: string;
  readonly language: string;
  readonly label: string;
  readonly changed: () => void;
  /** Ctrl-S, Cmd-S. */
  readonly save: () => void;
}

const marks = new Map<string, Decoration>();

function mark(kind: string): Decoration {
  const known = marks.get(kind) ?? Decoration.mark({ class: `tok-${kind}` });
  marks.set(kind, known);
  return known;
}

function colours(view: EditorView, language: string): DecorationSet {
  const built = new RangeSetBuilder<Decoration>();
  let at = 0;
  for (const { kind, text } of tokens(view.state.doc.toString(), language)) {
    if (kind !== null) built.add(at, at + text.length, mark(kind));
    at += text.length;
  }
  return built.finish();
}

const highlighting = (language: string) =>
  ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = colours(view, language);
      }
      update(update: ViewUpdate) {
        if (update.docChanged) this.decorations = colours(update.view, language);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );

export function makeEditor(parent: HTMLElement, { text, language, label, changed, save }: Options): Editor {
  const tabs = /(^|\n)\t/.test(text) || language === "Makefile";
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        bracketMatching(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        search({ top: true }),
        indentUnit.of(tabs ? "\t" : "  "),
        EditorState.tabSize.of(4),
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", spellcheck: "false", autocapitalize: "off", autocorrect: "off" }),
        EditorView.updateListener.of((update) => update.docChanged && changed()),
        keymap.of([{ key: "Mod-s", preventDefault: true, run: () => (save(), true) }, indentWithTab, ...defaultKeymap, ...historyKeymap, ...searchKeymap]),
        highlighting(language),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    setText: (next) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } }),
    focus: () => view.focus(),
    end: () => view.destroy(),
  };
}
