/** All that is known of the selected row: a span, a ghost, a gap, or a line; and what of it can be copied. */

import {ADRIFT, CRITICAL, GAP, GHOST, GUESSED, LEVELS, NONE, ORPHAN, SPAN, TIMELESS} from "./trace.js";
import {kibanaQuery, showCommand, spanIdOf} from "./commands.js";
import {copyButton} from "./copy.js";
import {block, table} from "./values.js";
import {make, told} from "./text.js";
import {raised, serviceName} from "./rows.js";
import {linkList} from "./linked.js";
import {count, duration, moment, offset} from "./words.js";

export class Details {
  /**
   * @param {import("./view.js").View} view @param {import("./bars.js").Bars} bars @param {HTMLElement} element
   * @param {() => void} toLines goes to the lines of the selected span
   */
  constructor(view, bars, element, toLines) {
    this.view = view;
    this.bars = bars;
    this.element = element;
    this.toLines = toLines;
    view.addEventListener("selection", () => this.draw());
    this.draw();
  }

  draw() {
    const { view: { trace, selected }, element } = this;
    element.classList.toggle("empty", selected === NONE);
    element.scrollTop = 0;
    if (selected === NONE) {
      element.replaceChildren(make("p", { class: "quiet" }, "Select a span or a line to see all of it."));
      return;
    }
    const parts = trace.isLine(selected) ? this.#line(selected) : this.#span(selected);
    element.replaceChildren(...parts.flat().filter(Boolean));
  }

  #span(row) {
    const { trace } = this.view;
    const rest = trace.restOf(row);
    const isSpan = trace.kind[row] === SPAN;
    return [
      make("h2", {}, ...this.#title(row)),
      trace.kind[row] === ADRIFT ? null : this.#copies(row),
      trace.kind[row] === GHOST || trace.kind[row] === GAP ? make("p", {}, told(rest.text ?? "", "", 2000)) : null,
      rest.status_message ? block(rest.status_message, "exception") : null,
      facts([
        ["service", trace.serviceOf(row) && serviceName(trace, row)],
        ["kind", rest.kind && rest.kind.toLowerCase()],
        ["status", rest.status],
        ["start", trace.kind[row] === ADRIFT ? null : this.#when(row)],
        [trace.kind[row] === GHOST ? "proven" : "duration", trace.length[row] ? duration(trace.length[row]) : null],
        ["self", isSpan ? duration(trace.self[row]) : null],
        ["critical path", isSpan ? this.#waited(row) : null],
        ["lines", this.#lines(row)],
        ["span id", this.#id(trace.idOf(row))],
        ["parent", this.#parent(row, rest)],
        ["library", rest.scope && told(rest.scope)],
      ]),
      ...linkList(trace, "links to", rest.links),
      ...linkList(trace, "linked from", rest.linked_from),
      ...this.#values(row, rest),
    ];
  }

  #line(row) {
    const { trace } = this.view;
    const { logger, exception, ...rest } = trace.restOf(row);
    return [
      make("h2", {}, `${LEVELS[trace.severity[row]] || "event"} `.toLowerCase(), make("small", {}, this.#offsetOf(row))),
      block(trace.textOf(row), "message"),
      this.#copies(row),
      exception ? block(whole(exception), "exception") : null,
      facts([
        ["service", serviceName(trace, row)],
        ["logger", logger && told(logger)],
        ["time", trace.is(row, TIMELESS) ? "not known" : this.#when(row)],
        ["on span", this.#jump(trace.ownerOf(row))],
        ["", trace.is(row, GUESSED) ? "by a guess: the line carries no span id, and this span of its service was open" : null],
      ]),
      ...this.#values(row, rest),
    ];
  }

  #title(row) {
    const { trace } = this.view;
    const said = { [GHOST]: `span ${trace.textOf(row)}`, [GAP]: `${duration(trace.length[row])} ${trace.textOf(row)}` };
    return [told(said[trace.kind[row]] ?? trace.textOf(row), "", 2000)];
  }

  #copies(row) {
    const { trace } = this.view;
    const span = spanIdOf(trace, row);
    return make("p", { class: "copies" }, ...[
      copyButton("id", span || null),
      trace.isLine(row) ? copyButton("message", trace.textOf(row)) : null,
      copyButton("command", showCommand(trace.traceId, trace.kind[row] === GHOST ? "" : span)),
      copyButton("Kibana query", kibanaQuery(trace.traceId, span)),
    ].filter(Boolean));
  }

  #when(row) {
    const { trace } = this.view;
    return `${moment(trace.start, trace.at[row])} (${offset(trace.at[row])})`;
  }

  #offsetOf(row) {
    const { trace } = this.view;
    const owner = trace.ownerOf(row);
    if (trace.is(row, TIMELESS)) return "no time";
    const within = owner === NONE ? "" : `, ${offset(trace.at[row] - trace.at[owner])} in its span`;
    return offset(trace.at[row]) + within;
  }

  #waited(row) {
    const { trace } = this.view;
    if (!trace.is(row, CRITICAL)) return "no";
    const waited = this.bars.waited[row];
    return waited ? `waited for ${duration(waited)} itself` : "waited for its calls alone";
  }

  #lines(row) {
    const { trace } = this.view;
    const number = trace.countBelow(row, trace.linesInOrder);
    if (!number) return "none";
    const errors = trace.countBelow(row, trace.errors);
    const said = `${count(number, "line")} here and below${errors ? `, ${count(errors, "error")}` : ""}`;
    return jump(said, this.toLines);
  }

  #id(id) {
    return id ? make("code", {}, told(id)) : null;
  }

  #parent(row, rest) {
    const { trace } = this.view;
    if (trace.kind[row] !== SPAN) return null;
    if (rest.parent) return make("span", {}, this.#id(rest.parent), " (below it: a circle)");
    if (trace.is(row, ORPHAN)) return make("span", {}, this.#jump(trace.parent[row]) ?? "", " (never arrived)");
    return this.#jump(trace.parent[row]) ?? "none: a root";
  }

  /** Return a button that selects a span. */
  #jump(row) {
    const { trace } = this.view;
    if (row === NONE) return null;
    const name = trace.kind[row] === GHOST ? trace.idOf(row) : trace.textOf(row);
    return jump(told(name, "", 120), () => this.view.reveal(row));
  }

  #values(row, rest) {
    const { trace } = this.view;
    const titled = (title, held) => (held && Object.keys(held).length ? [make("h3", {}, title), ...table(held, title)] : []);
    return [...titled("attributes", trace.attributesOf(row)), ...titled("resource", rest.resource)];
  }
}

function jump(content, go) {
  const button = make("button", { type: "button", class: "jump" }, content);
  button.addEventListener("click", go);
  return button;
}

/** Return an exception's stack, and above it what it does not say. */
function whole(exception) {
  const { message, stacktrace } = exception;
  if (!stacktrace) return raised(exception);
  return message && !stacktrace.includes(message) ? `${raised(exception)}\n${stacktrace}` : stacktrace;
}

function facts(pairs) {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return make("dl", { class: "facts" }, ...given.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}
