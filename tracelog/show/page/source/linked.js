/** The links of a span: to which traces, what is known of them, and the way there. */

import {addressOf} from "./link.js";
import {showCommand} from "./commands.js";
import {copyButton} from "./copy.js";
import {make, told} from "./text.js";
import {count} from "./words.js";

const AT_FIRST = 50, MORE = 500;

/** Return links under a title; nothing where there are none. */
export function linkList(trace, title, links = []) {
  if (!links.length) return [];
  const list = make("ul", { class: "links" });
  append(trace, list, links, 0, AT_FIRST);
  return [make("h3", {}, `${title} ${count(links.length, "span")}`), list];
}

function append(trace, list, links, from, most) {
  list.append(...links.slice(from, from + most).map((link) => item(trace, link)));
  const left = links.length - from - most;
  if (left <= 0) return;
  const more = make("button", { type: "button", class: "more" }, `more (${left.toLocaleString("en")} left)`);
  const last = make("li", {}, more);
  more.addEventListener("click", () => {
    last.remove();
    append(trace, list, links, from + most, MORE);
  });
  list.append(last);
}

function item(trace, { trace_id: traceId, span_id: spanId, attributes }) {
  const ids = make("code", {}, told(traceId), " ", told(spanId));
  const href = addressOf(trace, traceId, { span: spanId });
  const place = href ? make("a", { href }, ids) : ids;
  const known = trace.linked[traceId];
  const said = Object.entries(attributes ?? {}).map(([key, value]) => `${key}=${value}`).join("  ");
  return make("li", {}, place, copyButton("command", showCommand(traceId)),
    known ? make("div", {}, told(known)) : null, said ? told(said, "attributes") : null);
}
