/** All lines and events by time, beside the timeline: those of the selected span are marked, the selected one is the same. */

import {NONE} from "./trace.js";
import {List} from "./list.js";
import {saying, serviceName} from "./rows.js";
import {make} from "./text.js";
import {count} from "./words.js";

export class Lines {
  /**
   * @param {import("./view.js").View} view @param {HTMLElement} box which scrolls @param {HTMLElement} body within it
   * @param {HTMLElement} heading
   */
  constructor(view, box, body, heading) {
    this.view = view;
    this.heading = heading;
    this.rows = view.trace.lines;
    this.list = new List(box, body, (place) => this.#draw(place));
    view.addEventListener("rows", () => this.#rearrange());
    view.addEventListener("selection", () => this.#follow());
    body.addEventListener("click", (event) => {
      const element = event.target.closest("[data-row]");
      if (element) view.reveal(Number(element.dataset.row));
    });
    this.#rearrange();
  }

  /** Select another line: so many further on, from the selected one or the first of the selected span. */
  move(step) {
    const place = this.list.active === NONE ? (step > 0 ? -1 : this.rows.length) : this.list.active;
    const row = this.rows[Math.min(Math.max(place + step, 0), this.rows.length - 1)];
    if (row !== undefined) this.view.reveal(row);
  }

  /** Select the first line of the selected span, if it is one. */
  toOwn() {
    const { first } = this.#ownLines();
    if (first !== NONE) this.view.reveal(first);
  }

  #draw(place) {
    const { view } = this;
    const { trace } = view;
    const row = this.rows[place];
    const isSelected = row === view.selected;
    const state = `${this.#isOwn(row) ? " own" : ""}${isSelected ? " selected" : ""}`;
    return make("div", {
      role: "option", id: `line-${row}`, class: `row line severity-${trace.severity[row]}${state}`, "data-row": String(row),
      "aria-posinset": String(place + 1), "aria-setsize": String(this.rows.length), "aria-selected": String(isSelected),
    }, ...saying(view, row, { service: false }).toSpliced(2, 0, serviceName(trace, row)));
  }

  /** Whether a line is of the selected span, or of what that called. */
  #isOwn(row) {
    const { trace, selected } = this.view;
    return selected !== NONE && !trace.isLine(selected) && row > selected && row < trace.behind[selected];
  }

  #rearrange() {
    const { view } = this;
    const { trace } = view;
    this.rows = view.isNarrowed ? trace.lines.filter((row) => view.matches(row)) : trace.lines;
    this.list.active = NONE;
    this.list.show(this.rows.length);
    this.#follow();
  }

  #follow() {
    const { view, list } = this;
    const { trace, selected } = view;
    list.active = NONE;
    list.refresh();
    const own = this.#ownLines();
    const place = selected === NONE ? NONE : trace.isLine(selected) ? this.rows.indexOf(selected) : this.rows.indexOf(own.first);
    if (trace.isLine(selected)) list.activate(place);
    else {
      list.activate(place);
      list.activate(NONE, { scroll: false });
    }
    const of = own.number ? `, ${own.number.toLocaleString("en")} of the selected span and what it called` : "";
    this.heading.textContent = count(this.rows.length, "line") + of;
  }

  /** Return how many lines are of the selected span, and the earliest of them. */
  #ownLines() {
    const { trace, selected } = this.view;
    if (selected === NONE || trace.isLine(selected)) return { number: 0, first: NONE };
    let number = 0, first = NONE;
    for (const row of this.rows) {
      if (row <= selected || row >= trace.behind[selected]) continue;
      if (!number++) first = row;
    }
    return { number, first };
  }
}
