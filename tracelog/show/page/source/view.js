/**
 * What is looked at: the rows in sight, the one that is selected, and the stretch of time that is zoomed to. Who draws
 * listens: "rows" where other rows are in sight, "selection" where another one is selected, "point" where a time is
 * pointed at.
 */

import {ADRIFT, CRITICAL, NONE, SPAN, TIMELESS} from "./trace.js";

const MANY = 3000;
/** A trace with more rows than this opens with what is neither on the critical path nor around an error folded. */

export class View extends EventTarget {
  /** @param {import("./trace.js").Trace} trace */
  constructor(trace) {
    super();
    this.trace = trace;
    this.selected = NONE;
    this.from = 0;
    this.to = trace.duration;
    this.pointed = null;
    this.hits = null; // which rows match the filter; null: there is none
    this.rows = new Int32Array(0); // those in sight, in order
    this.place = new Int32Array(trace.size); // of each row among them, or NONE
    this.position = new Int32Array(trace.size); // of each row among its siblings in sight, from 1
    this.siblings = new Int32Array(trace.size + 1); // how many of them are in sight, by their parent + 1
    this.folded = trace.size > MANY ? foldedAtFirst(trace) : new Uint8Array(trace.size);
    this.unfiltered = this.folded; // what was folded before there was a filter
    this.kept = null; // which rows match, or have one that does below them; null: all
    this.arrange();
  }

  get isZoomed() {
    return this.from > 0 || this.to < this.trace.duration;
  }

  get isNarrowed() {
    return this.hits !== null || this.isZoomed;
  }

  /** Whether a row is meant by the filter and the zoom, rather than only on the way to one that is. */
  matches(row) {
    return (this.hits === null || this.hits[row] === 1) && this.#isInWindow(row);
  }

  canFold(row) {
    return this.trace.behind[row] > row + 1;
  }

  select(row) {
    if (row === this.selected) return;
    this.selected = row;
    this.dispatchEvent(new Event("selection"));
  }

  /** Select a row, wherever it is: unfold what is above it, and give up a filter or a zoom that hides it. */
  reveal(row) {
    const { trace } = this;
    if (this.hits && !this.kept[row]) this.filter(null);
    if (this.isZoomed && !this.#isInWindow(row)) this.zoom(0, trace.duration);
    let unfolded = false;
    for (let above = trace.parent[row]; above !== NONE; above = trace.parent[above]) {
      unfolded ||= this.folded[above] === 1;
      this.folded[above] = 0;
    }
    if (unfolded) this.arrange();
    this.select(row);
  }

  fold(row, folded) {
    if (!this.canFold(row) || this.folded[row] === Number(folded)) return;
    this.folded[row] = Number(folded);
    this.arrange();
  }

  foldAll(folded) {
    const { trace } = this;
    for (let row = 0; row < trace.size; row++) {
      this.folded[row] = Number(folded && row !== trace.root && trace.behind[row] > row + 1);
    }
    this.arrange();
  }

  /** Keep the rows that match, and what is above them. `hits`: one number a row; null ends the filter. */
  filter(hits) {
    if (hits && !this.hits) this.folded = new Uint8Array(this.trace.size);
    if (!hits && this.hits) this.folded = this.unfiltered;
    this.hits = hits;
    this.#narrow();
  }

  /** Show a stretch of time, and only the rows that have a part of it. */
  zoom(from, to) {
    const { duration } = this.trace;
    const length = Math.min(Math.max(to - from, Math.min(1000, duration)), duration);
    this.from = Math.min(Math.max(from, 0), duration - length);
    this.to = this.from + length;
    this.#narrow();
  }

  /** Point at a time, or at none (null). */
  point(time) {
    if (time === this.pointed) return;
    this.pointed = time;
    this.dispatchEvent(new Event("point"));
  }

  /** Return where a time is in the stretch that is shown: 0 to 1, or beyond. */
  share(time) {
    return (time - this.from) / (this.to - this.from);
  }

  #isInWindow(row) {
    const { trace } = this;
    if (!this.isZoomed || trace.is(row, TIMELESS)) return true;
    if (trace.kind[row] === ADRIFT) return false; // a heading, there for its lines
    return trace.at[row] <= this.to && trace.end(row) >= this.from;
  }

  #narrow() {
    const { trace } = this;
    this.kept = this.isNarrowed ? new Uint8Array(trace.size) : null;
    for (let row = 0; this.kept && row < trace.size; row++) {
      if (!this.matches(row)) continue;
      for (let above = row; above !== NONE && !this.kept[above]; above = trace.parent[above]) this.kept[above] = 1;
    }
    this.arrange();
  }

  /** Say which rows are in sight. */
  arrange() {
    const { trace, kept, folded, place, position, siblings } = this;
    const rows = new Int32Array(trace.size);
    let inSight = 0;
    place.fill(NONE);
    siblings.fill(0);
    for (let row = 0; row < trace.size; ) {
      if (kept && !kept[row]) {
        row = trace.behind[row];
        continue;
      }
      place[row] = inSight;
      position[row] = ++siblings[trace.parent[row] + 1];
      rows[inSight++] = row;
      row = folded[row] ? trace.behind[row] : row + 1;
    }
    this.rows = rows.subarray(0, inSight);
    this.dispatchEvent(new Event("rows"));
  }
}

function foldedAtFirst(trace) {
  const folded = new Uint8Array(trace.size);
  for (let row = 0; row < trace.size; row++) {
    if (trace.kind[row] === SPAN && !trace.is(row, CRITICAL)) folded[row] = Number(trace.behind[row] > row + 1);
  }
  for (const row of trace.errors) {
    for (let above = trace.parent[row]; above !== NONE && folded[above]; above = trace.parent[above]) folded[above] = 0;
  }
  return folded;
}
