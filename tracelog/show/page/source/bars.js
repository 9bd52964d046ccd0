/**
 * The bar of a span: solid where the trace waited for the span itself, light where the span was only open. On it stand
 * the lines at WARNING and above that it wrote. A ghost's bar is as long as is proven; a gap's is hatched.
 */

import {GAP, GHOST, SPAN, WARNING} from "./trace.js";
import {make} from "./text.js";
import {duration, offset} from "./words.js";

const FINEST = 1 / 600;
/** Of what is closer together than this share of the axis, one mark is drawn. */

export class Bars {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    const { trace } = view;
    this.segments = new Groups(trace.path.row, trace.size);
    this.marked = trace.lines.filter((row) => trace.severity[row] >= WARNING);
    this.marks = new Groups(this.marked.map((row) => trace.parent[row]), trace.size);
    this.waited = new Float64Array(trace.size); // how long the trace waited for each span itself, ns
    trace.path.row.forEach((row, number) => {
      this.waited[row] += trace.path.to[number] - trace.path.from[number];
    });
  }

  /** Draw the bar of a row, as the content of the cell that is the time axis. */
  draw(row) {
    const { trace, to } = this.view;
    const kind = trace.kind[row] === GHOST ? "ghost" : trace.kind[row] === GAP ? "gap" : "span";
    const bar = this.#stretch(trace.at[row], trace.end(row), `bar ${kind}`);
    if (!bar) return make("span", { class: trace.at[row] > to ? "later" : "earlier", "aria-hidden": "true" });
    const parts = trace.kind[row] === SPAN ? [...this.#waits(row), ...this.#lines(row)] : [];
    return make("div", { class: `bars ${colour(trace, row)}`, "aria-hidden": "true" }, bar, ...parts);
  }

  /** Say in words what a bar shows. */
  words(row) {
    const { trace } = this.view;
    const when = `${offset(trace.at[row])} to ${offset(trace.end(row))}`;
    return this.waited[row] ? `${when}, waited for ${duration(this.waited[row])}` : when;
  }

  #waits(row) {
    const { view } = this;
    const { from, to } = view.trace.path;
    const drawn = [];
    for (const number of this.segments.of(row)) {
      if (to[number] < view.from || from[number] > view.to) continue;
      const last = drawn.at(-1);
      if (last && view.share(from[number]) - view.share(last[1]) < FINEST) last[1] = to[number];
      else drawn.push([from[number], to[number]]);
    }
    return drawn.map(([start, end]) => this.#stretch(start, end, "wait"));
  }

  #lines(row) {
    const { trace } = this.view;
    const marks = [];
    let last = -1;
    for (const number of this.marks.of(row)) {
      const line = this.marked[number];
      const share = this.view.share(trace.at[line]);
      if (share < 0 || share > 1 || share - last < FINEST) continue;
      last = share;
      const mark = make("i", { class: `mark severity-${trace.severity[line]}` });
      mark.style.left = percent(share);
      marks.push(mark);
    }
    return marks;
  }

  /** Draw a stretch of time; null where it is out of sight. */
  #stretch(start, end, kind) {
    const from = this.view.share(start), to = this.view.share(end);
    if (to < 0 || from > 1) return null;
    const left = Math.max(from, -0.01), right = Math.min(to, 1.01);
    const part = make("i", { class: kind });
    part.style.left = percent(left);
    part.style.width = percent(right - left);
    return part;
  }
}

/** Numbers from 0 on in groups, by the owner of each, and in order within. */
class Groups {
  constructor(owners, size) {
    this.starts = new Int32Array(size + 1);
    for (const owner of owners) this.starts[owner + 1]++;
    for (let owner = 0; owner < size; owner++) this.starts[owner + 1] += this.starts[owner];
    const next = this.starts.slice();
    this.members = new Int32Array(owners.length);
    owners.forEach((owner, number) => {
      this.members[next[owner]++] = number;
    });
  }

  of(owner) {
    return this.members.subarray(this.starts[owner], this.starts[owner + 1]);
  }
}

/** Return the class that names a row's colour. */
export function colour(trace, row) {
  const service = trace.services[trace.service[row]];
  return service ? `service-${service.colour}` : "service-none";
}

export function percent(share) {
  return `${(share * 100).toFixed(3)}%`;
}
