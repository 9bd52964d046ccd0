/** Where keys and buttons lead: to the next row, the next error, the next wait of the critical path. */

import {NONE} from "./trace.js";
import {placeOf} from "./trace.js";
import {say} from "./say.js";
import {count, duration} from "./words.js";

const ZOOM = 0.5;

export class Moves {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.waiting = -1; // the segment of the critical path that was gone to last
    view.addEventListener("selection", () => {
      if (view.trace.path.row[this.waiting] !== view.selected) this.waiting = -1;
    });
  }

  /** Select the row so many further on in sight. */
  by(step) {
    const { rows, selected, place } = this.view;
    if (!rows.length) return;
    const at = selected === NONE ? NONE : place[selected];
    const from = at !== NONE ? at : step > 0 ? -1 : rows.length;
    this.view.select(rows[Math.min(Math.max(from + step, 0), rows.length - 1)]);
  }

  toFirst() {
    this.by(-this.view.trace.size);
  }

  toLast() {
    this.by(this.view.trace.size);
  }

  /** Fold the selected row or, where that is done or cannot be, go to its parent. */
  left() {
    const { view } = this;
    const { selected, trace } = view;
    if (selected === NONE) return;
    if (view.canFold(selected) && !view.folded[selected]) view.fold(selected, true);
    else if (trace.parent[selected] !== NONE) view.select(trace.parent[selected]);
  }

  /** Unfold the selected row or, where it is open, go to the first within it. */
  right() {
    const { view } = this;
    if (view.selected === NONE || !view.canFold(view.selected)) return;
    if (view.folded[view.selected]) view.fold(view.selected, false);
    else this.by(1);
  }

  /** Go to the next error behind (or, with -1, before) the selected row, and from the last one to the first. */
  error(step) {
    const { view } = this;
    const errors = view.hits ? view.trace.errors.filter((row) => view.hits[row]) : view.trace.errors;
    if (!errors.length) return say(view.hits ? "no error matches the filter" : "no errors");
    const place = placeOf(errors, step > 0 ? view.selected + 1 : view.selected) + (step > 0 ? 0 : -1);
    const number = (place + errors.length) % errors.length;
    view.reveal(errors[number]);
    say(`error ${number + 1} of ${errors.length}`);
  }

  /** Go along the critical path: to the next (or, with -1, the one before) that was waited for. */
  wait(step) {
    const { view } = this;
    const { path, at } = view.trace;
    if (!path.row.length) return say("no critical path: the trace has no root");
    const from = this.waiting >= 0 ? this.waiting : this.#waitOf(view.selected, step);
    this.waiting = (from + step + path.row.length) % path.row.length;
    const row = path.row[this.waiting];
    const number = this.waiting;
    view.reveal(row);
    this.waiting = number;
    const waited = duration(path.to[number] - path.from[number]);
    say(`critical path ${number + 1} of ${path.row.length}: ${waited} in ${view.trace.textOf(row)}`);
  }

  /** Return the segment of a row from which a step leads to it, or onwards. */
  #waitOf(row, step) {
    const first = this.view.trace.path.row.indexOf(row);
    return first !== -1 ? first : step > 0 ? -1 : 0;
  }

  /** Zoom around the middle of what is selected, as far as that is in sight. */
  zoom(factor) {
    const { view } = this;
    const { trace, selected, from, to } = view;
    const wanted = selected === NONE ? NaN : (trace.at[selected] + Math.min(trace.end(selected), trace.duration)) / 2;
    const middle = wanted >= from && wanted <= to ? wanted : (from + to) / 2;
    const length = (to - from) * factor;
    view.zoom(middle - length / 2, middle + length / 2);
    this.#sayWindow();
  }

  in() {
    this.zoom(ZOOM);
  }

  out() {
    this.zoom(1 / ZOOM);
  }

  all() {
    this.view.zoom(0, this.view.trace.duration);
    this.#sayWindow();
  }

  /** Zoom to the selected span, with a little around it. */
  fit() {
    const { view } = this;
    const { trace } = view;
    const owner = view.selected === NONE ? NONE : trace.ownerOf(view.selected);
    if (owner === NONE) return;
    const around = trace.length[owner] * 0.02;
    view.zoom(trace.at[owner] - around, trace.end(owner) + around);
    this.#sayWindow();
  }

  pan(share) {
    const { view } = this;
    const by = (view.to - view.from) * share;
    view.zoom(view.from + by, view.to + by);
    this.#sayWindow();
  }

  #sayWindow() {
    const { view } = this;
    const shown = view.isZoomed ? `${duration(Math.round(view.from))} to ${duration(Math.round(view.to))}` : "all of the time";
    say(`${shown}: ${count(view.rows.length, "row")}`);
  }
}
