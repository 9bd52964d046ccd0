/** How a row of the timeline looks: a span with its bar, a ghost, a gap, or a line of text over the whole width. */

import {
  ADRIFT, CRITICAL, CYCLE, ERROR, EVENT, GAP, GHOST, GUESSED, LEVELS, LINE, NONE, SPAN, TIMELESS,
} from "./trace.js";
import {isMap} from "./filter.js";
import {colour} from "./bars.js";
import {make, plain, told} from "./text.js";
import {count, duration, offset} from "./words.js";

const SHORT = { WARNING: "WARN", CRITICAL: "CRIT" };
const KINDS = ["span", "ghost", "line", "event", "gap", "adrift"];
const ATTRIBUTES_SHOWN = 12;

/** Return a row's cells. */
export function cells(view, bars, row) {
  const { trace } = view;
  if (trace.isLine(row) || trace.kind[row] === ADRIFT) return [label(view, row, wide(view, row), { "aria-colspan": "4" })];
  const total = trace.kind[row] === GHOST ? "" : duration(trace.length[row]);
  const own = trace.kind[row] === SPAN ? duration(trace.self[row]) : "";
  return [
    label(view, row, named(view, row)),
    make("div", { role: "gridcell", class: "total" }, total),
    make("div", { role: "gridcell", class: "self" }, own),
    make("div", { role: "gridcell", class: "axis", "aria-label": bars.words(row) }, bars.draw(row)),
  ];
}

/** Return the classes of a row. */
export function classes(view, row) {
  const { trace } = view;
  return [
    "row", KINDS[trace.kind[row]], `severity-${trace.severity[row]}`,
    trace.is(row, CRITICAL) ? "critical" : "", view.matches(row) ? "" : "beside",
  ].filter(Boolean).join(" ");
}

/** Return what is said of a line, in one row: its time, level, text, exception, service and attributes. */
export function saying(view, row, { service = isStrange(view.trace, row) } = {}) {
  const { trace } = view;
  const exception = trace.rest[row] ? trace.restOf(row).exception : null;
  const isException = trace.kind[row] === EVENT && exception;
  return [
    when(trace, row),
    levelMark(trace, row),
    make("span", { class: "said" }, ...[
      trace.is(row, GUESSED) ? make("span", { class: "guessed" }, "(guessed)") : null,
      isException ? null : told(trace.textOf(row), "message"),
      exception ? told(raised(exception), "exception") : null,
      service ? serviceName(trace, row) : null,
      isException ? null : inline(trace, row),
    ].filter(Boolean).flatMap((part) => [part, " "])),
  ];
}

function when(trace, row) {
  return make("span", { class: "when" }, trace.is(row, TIMELESS) ? "no time" : offset(trace.at[row]));
}

/** Return the service's name, in its colour. */
export function serviceName(trace, row) {
  return told(trace.serviceOf(row), `service ${colour(trace, row)}`, 80);
}

/** Return an exception as it is read: its type and its message. */
export function raised({ type, message, stacktrace }) {
  const said = message || (stacktrace ?? "").trim().split("\n").at(-1);
  return type && said.startsWith(type) ? said : [type, said].filter(Boolean).join(": ") || "exception";
}

export function levelMark(trace, row) {
  const level = LEVELS[trace.severity[row]];
  const isEvent = trace.kind[row] === EVENT;
  const shown = isEvent ? "◆" : SHORT[level] ?? (level || "–");
  const name = isEvent ? "event" : level || "no level";
  return make("span", { class: `level severity-${trace.severity[row]}`, role: "img", "aria-label": name }, shown);
}

function label(view, row, content, attributes = {}) {
  const cell = make("div", { role: "gridcell", class: "label", ...attributes }, twist(view, row), ...content);
  cell.style.setProperty("--depth", String(view.trace.depth[row]));
  return cell;
}

function twist(view, row) {
  const state = !view.canFold(row) ? "none" : view.folded[row] ? "folded" : "open";
  return make("span", { class: `twist ${state}`, "aria-hidden": "true" });
}

/** What stands in the label of a span, a ghost or a gap. */
function named(view, row) {
  const { trace } = view;
  const owner = trace.parent[row];
  const shown = [];
  if (trace.kind[row] === GAP) shown.push(when(trace, row), sign("⋮", "gap"));
  if (trace.kind[row] === GHOST) shown.push(sign("?", "missing"), make("code", {}, told(trace.idOf(row))));
  if (trace.is(row, CYCLE)) shown.push(sign("?", "its parent is below it"));
  if (trace.severity[row] >= ERROR) shown.push(sign("✗", "failed"));
  shown.push(titled(told(trace.textOf(row), "name"), trace.textOf(row)));
  const isOther = owner === NONE || trace.service[owner] !== trace.service[row];
  if (trace.serviceOf(row) && isOther && trace.kind[row] !== GAP) shown.push(serviceName(trace, row));
  return [...shown, ...links(trace, row), ...hidden(view, row)];
}

function wide(view, row) {
  const { trace } = view;
  if (trace.kind[row] === ADRIFT) return [make("span", { class: "name" }, trace.textOf(row)), ...hidden(view, row)];
  return saying(view, row);
}

/** Let the whole of a text be read where it is cropped. */
function titled(element, text) {
  element.title = plain(text, 500);
  return element;
}

function sign(character, meaning) {
  return make("span", { class: "sign", role: "img", "aria-label": meaning }, character);
}

/** Say what a folded row hides. */
function hidden(view, row) {
  const { trace } = view;
  if (!view.folded[row] || !view.canFold(row)) return [];
  const errors = trace.countBelow(row, trace.errors), warnings = trace.countBelow(row, trace.warnings);
  const badge = (kind, text, words) => make("span", { class: `badge ${kind}`, role: "img", "aria-label": words }, text);
  return [
    badge("rows", `+${(trace.behind[row] - row - 1).toLocaleString("en")}`, count(trace.behind[row] - row - 1, "row") + " folded"),
    errors ? badge("errors", `✗ ${errors}`, `${count(errors, "error")} within`) : null,
    warnings ? badge("warnings", `! ${warnings}`, `${count(warnings, "warning")} within`) : null,
  ];
}

function links(trace, row) {
  if (trace.kind[row] !== SPAN || !trace.rest[row]) return [];
  const { links = [], linked_from = [] } = trace.restOf(row);
  const badge = (arrow, held, words) => held.length
    ? make("span", { class: "badge link", role: "img", "aria-label": `${words} ${count(held.length, "span")}` }, `${arrow} ${held.length}`)
    : null;
  return [badge("→", links, "links to"), badge("←", linked_from, "linked from")];
}

/** Whether a line is of another service than what it stands on. */
function isStrange(trace, row) {
  const owner = trace.parent[row];
  return owner === NONE || trace.service[owner] !== trace.service[row];
}

/** Return the first attributes as `key=value`; where in the code a line stands is left out. */
function inline(trace, row) {
  if (!trace.attributes[row]) return null;
  const shown = [];
  for (const [key, value] of Object.entries(trace.attributesOf(row))) {
    if (key.startsWith("code.") || (trace.kind[row] === LINE && key.startsWith("exception."))) continue;
    if (shown.length === ATTRIBUTES_SHOWN) {
      shown.push("…");
      break;
    }
    shown.push(`${key}=${valueText(value)}`);
  }
  return shown.length ? told(shown.join("  "), "attributes", 300) : null;
}

/** Return an attribute's value as text. */
export function valueText(value) {
  return value === null || Array.isArray(value) || isMap(value) ? JSON.stringify(value, digits) : String(value);
}

/** Let JSON have numbers as they were written, where that is a number that it can hold. */
export function digits(_, value) {
  return value?.written === undefined ? value : String(value.value) === value.written ? value.value : value.written;
}
