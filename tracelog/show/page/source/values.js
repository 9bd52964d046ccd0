/** Values in full, but not at once: of a long text its beginning, of many attributes the first; the rest when asked for. */

import {isMap} from "./filter.js";
import {crop, make, told, visible} from "./text.js";
import {digits} from "./rows.js";

const TEXT_AT_FIRST = 2000, TEXT_MORE = 50_000;
const ENTRIES_AT_FIRST = 50, ENTRIES_MORE = 500;
const FINDING_HELPS = 20;

/** Return a text in a block of its own, its lines kept. */
export function block(text, kind = "") {
  const area = make("pre", { class: kind, dir: "auto", tabindex: "0", "aria-label": kind || "text" });
  appendSome(area, text, 0, TEXT_AT_FIRST);
  return area;
}

function appendSome(area, text, from, most) {
  const part = crop(text.slice(from, from + most + 1), most);
  area.append(...visible(part, { block: true }));
  const behind = from + part.length;
  if (behind >= text.length) return;
  const left = (text.length - behind).toLocaleString("en");
  const more = make("button", { type: "button", class: "more" }, `more (${left} characters left)`);
  more.addEventListener("click", () => {
    more.remove();
    appendSome(area, text, behind, TEXT_MORE);
    area.focus();
  });
  area.append(more);
}

/** Return attributes as a table, those within maps below their names; of many, with a field to find some. */
export function table(attributes, name) {
  const entries = Object.entries(attributes);
  const list = make("dl", { class: "attributes", "aria-label": name });
  const show = (wanted) => {
    const found = entries.filter(([key, value]) => `${key}=${asText(value)}`.toLowerCase().includes(wanted));
    list.replaceChildren();
    appendEntries(list, found, 0, ENTRIES_AT_FIRST);
  };
  show("");
  if (entries.length <= FINDING_HELPS) return [list];
  const label = `find in ${entries.length.toLocaleString("en")}`;
  const field = make("input", { type: "search", placeholder: label, "aria-label": `${label} ${name}` });
  field.addEventListener("input", () => show(field.value.toLowerCase()));
  return [field, list];
}

function appendEntries(list, entries, from, most) {
  for (const [key, value] of entries.slice(from, from + most)) {
    list.append(make("dt", {}, told(key, "", 200)), make("dd", {}, short(asText(value))));
  }
  const left = entries.length - from - most;
  if (left <= 0) return;
  const more = make("button", { type: "button", class: "more" }, `more (${left.toLocaleString("en")} left)`);
  const row = make("dd", { class: "rest" }, more);
  const name = make("dt", { class: "rest" }, "…");
  more.addEventListener("click", () => {
    const next = list.children.length;
    name.remove();
    row.remove();
    appendEntries(list, entries, from + most, ENTRIES_MORE);
    list.children[next - 2]?.scrollIntoView({ block: "nearest" });
  });
  list.append(name, row);
}

/** Return a value in its line, or in a block where it has several or is long. */
function short(text) {
  return text.length > 200 || text.includes("\n") ? block(text, "value") : told(text);
}

function asText(value) {
  return value === null || Array.isArray(value) || isMap(value) ? JSON.stringify(value, digits, 1) : String(value);
}
