/** The head of the page: what this trace is, and how to find it elsewhere. */

import {NONE, SPAN} from "./trace.js";
import {kibanaQuery, showCommand} from "./commands.js";
import {copyButton} from "./copy.js";
import {make, plain, told} from "./text.js";
import {serviceName} from "./rows.js";
import {count, duration} from "./words.js";

/**
 * @param {import("./trace.js").Trace} trace @param {HTMLElement} title @param {HTMLElement} facts
 * @param {HTMLElement} copies
 */
export function showHead(trace, title, facts, copies) {
  if (trace.home) Object.assign(title.parentElement.querySelector("#home"), { href: trace.home, hidden: false });
  const name = trace.root === NONE ? "no span of this trace is stored" : trace.textOf(trace.root);
  document.title = `${plain(name, 200)} · tracelog`;
  title.append(told(name), " ", trace.root === NONE ? "" : serviceName(trace, trace.root));
  const spans = trace.kind.reduce((sum, kind) => sum + Number(kind === SPAN), 0);
  facts.append(
    make("b", {}, lasted(trace)), ` · ${count(spans, "span")} · ${count(trace.lines.length, "line")} · `, failures(trace),
    ` · ${count(trace.services.length, "service")} · `, started(trace), trace.complete ? "" : " · incomplete",
  );
  copies.append("trace ", make("code", {}, told(trace.traceId)), ...[
    copyButton("id", trace.traceId),
    copyButton("command", showCommand(trace.traceId)),
    copyButton("Kibana query", kibanaQuery(trace.traceId)),
  ].filter(Boolean));
}

/** Say how long the root took and, where that is longer, the trace. */
function lasted({ root, length, duration: all }) {
  return root === NONE || length[root] === all ? duration(all) : `${duration(length[root])} (all of the trace ${duration(all)})`;
}

function started({ start }) {
  return make("time", { datetime: start }, start.replace("T", " ").replace(/(\.\d{3})\d*Z/, "$1 UTC"));
}

function failures({ errors, kind }) {
  const spans = errors.reduce((sum, row) => sum + Number(kind[row] === SPAN), 0);
  const said = [[spans, "span", "failed"], [errors.length - spans, "line", "at ERROR"]];
  const words = said.filter(([number]) => number).map(([number, noun, what]) => `${count(number, noun)} ${what}`);
  return make("span", { class: words.length ? "errors" : "" }, words.join(", ") || "no errors");
}
