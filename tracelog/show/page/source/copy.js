/** Copying: to the clipboard, said when it is done. */

import {make} from "./text.js";
import {say} from "./say.js";

/** Copy a text, and say so. */
export async function copy(text) {
  say((await toClipboard(text)) ? `copied: ${text.slice(0, 200)}` : "could not copy");
}

/** Return a button that copies a text; null where there is none. */
export function copyButton(label, text) {
  if (!text) return null;
  const button = make("button", { type: "button", class: "copy" }, `copy ${label}`);
  button.addEventListener("click", () => copy(text));
  return button;
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return bySelecting(text);
  }
}

/** Copy where the clipboard is closed to a page, as it is over plain HTTP. */
function bySelecting(text) {
  const area = document.createElement("textarea");
  const before = document.activeElement;
  area.value = text;
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  before?.focus?.();
  return isDone;
}
