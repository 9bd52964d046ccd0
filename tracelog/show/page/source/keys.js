/** What each key does; the help lists the same. Letters do nothing while something is typed, and can be switched off. */

import {make} from "./text.js";
import {recall, remember} from "./settings.js";

export class Keys {
  /**
   * @param {{keys: string[], said: string, does: (event: Event) => void, wherever?: boolean}[]} bindings
   * @param {HTMLDialogElement} help
   */
  constructor(bindings, help) {
    this.bindings = bindings;
    this.help = help;
    const isOn = help.querySelector("input");
    isOn.checked = recall("keys", "on") === "on";
    isOn.addEventListener("change", () => remember("keys", isOn.checked ? "on" : "off"));
    help.querySelector("tbody").append(...bindings.map(({ keys, said }) =>
      make("tr", {}, make("th", { scope: "row" }, ...keys.map((key) => make("kbd", {}, key))), make("td", {}, said))));
    addEventListener("keydown", (event) => this.#press(event, isOn.checked));
  }

  /** Do what a key does. */
  do(key, event = new Event("key")) {
    const binding = this.bindings.find(({ keys }) => keys.includes(key));
    binding?.does(event);
    return Boolean(binding);
  }

  #press(event, isOn) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open || event.isComposing) return;
    const { target, key } = event;
    const isTyping = target.matches?.("input, select, textarea");
    const isPressing = target.matches?.("button, pre") && ["Enter", " ", "↑", "↓"].includes(nameOf(key));
    if (isTyping && key !== "Escape") return;
    if (isPressing || ([...key].length === 1 && !isOn)) return;
    if (this.do((event.shiftKey && key.startsWith("Arrow") ? "⇧" : "") + nameOf(key), event)) event.preventDefault();
  }
}

const NAMES = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };

function nameOf(key) {
  return NAMES[key] ?? key;
}
