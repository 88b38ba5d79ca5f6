/* What a new Space begins with. */

export interface Template {
  readonly id: string;
  readonly title: string;
  readonly words: string;
  readonly emoji: string;
  readonly files: Readonly<Record<string, string>>;
}

const FUNCTION = `local ui = require "vitrine.ui"

return ui.interface {
  inputs  = ui.textbox { label = "Your name", placeholder = "Ada" },
  outputs = ui.textbox { label = "Greeting" },
  fn      = function(name) return "Hello, " .. (name ~= "" and name or "world") .. "!" end,
}
`;

const CHAT = `local ui = require "vitrine.ui"

return ui.chat {
  placeholder = "Say something.",
  fn = function(message, history)
    return "You said: " .. message
  end,
}
`;

const PAGE = `local ui = require "vitrine.ui"

return ui.page(function()
  local a, b = ui.number { label = "A", value = 1 }, ui.number { label = "B", value = 2 }
  local add  = ui.button { "Add", variant = "primary" }
  local sum  = ui.markdown "Nothing added yet."

  add:on_click { inputs = { a, b }, fn = function(x, y)
    sum:set("The sum is **" .. x + y .. "**.")
  end }

  return ui.column { ui.row { a, b }, add, sum }
end)
`;

export const TEMPLATES: readonly Template[] = [
  { id: "function", title: "A function", words: "Inputs, a button, outputs", emoji: "✨", files: { "app.lua": FUNCTION } },
  { id: "chat", title: "A chat", words: "A conversation with history", emoji: "💬", files: { "app.lua": CHAT } },
  { id: "page", title: "A page", words: "Components and events of your own", emoji: "🧩", files: { "app.lua": PAGE } },
  { id: "empty", title: "Nothing", words: "Push it yourself", emoji: "📦", files: {} },
];

/** A text that YAML takes for one, whatever stands in it. */
export function yamlText(text: string): string {
  return JSON.stringify(text);
}

export function readmeOf(name: string, emoji: string): string {
  return `---\ntitle: ${yamlText(name)}\nemoji: ${emoji}\nsdk: lua\napp_file: app.lua\n---\n\n# ${name}\n`;
}
