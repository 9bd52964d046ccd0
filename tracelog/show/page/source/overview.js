/**
 * The whole trace in little, above the timeline: a line for each span (of very many, for some, and for all that failed),
 * where errors are, and which stretch is shown. Dragging over it shows another stretch.
 */

import {CRITICAL, ERROR, SPAN, TIMELESS} from "./trace.js";
import {percent} from "./bars.js";

const MOST_DRAWN = 3000;
const LEAST_DRAGGED = 4;
/** A drag over fewer px is a click. */

export class Overview {
  /** @param {import("./view.js").View} view @param {HTMLElement} element which has a canvas and a window */
  constructor(view, element) {
    this.view = view;
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.window = element.querySelector(".window");
    this.drag = null;
    view.addEventListener("rows", () => this.#showWindow());
    new ResizeObserver(() => this.draw()).observe(element);
    element.addEventListener("pointerdown", (event) => this.#begin(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#end(event));
    element.addEventListener("pointercancel", () => this.#showWindow((this.drag = null)));
    element.addEventListener("dblclick", () => view.zoom(0, view.trace.duration));
    this.#showWindow();
  }

  /** Draw all of it, in the colours of the theme. */
  draw() {
    const { canvas, view: { trace } } = this;
    const { width, height } = this.element.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const paint = paints(this.element);
    const rows = chosen(trace);
    const lane = Math.min((height - 8) / Math.max(rows.length, 1), 4);
    rows.forEach((row, number) => {
      const colour = trace.services[trace.service[row]]?.colour;
      pen.fillStyle = paint(colour === undefined ? "quiet" : `service-${colour}`);
      pen.globalAlpha = trace.is(row, CRITICAL) ? 1 : 0.45;
      this.#mark(pen, trace.at[row], trace.end(row), 2 + number * lane, Math.max(lane - 0.5, 0.75), width);
    });
    pen.globalAlpha = 1;
    pen.fillStyle = paint("error");
    for (const row of distinct(trace.errors, (row) => Math.round((trace.at[row] / trace.duration) * width))) {
      if (!trace.is(row, TIMELESS)) pen.fillRect((trace.at[row] / trace.duration) * width - 1, height - 5, 2, 5);
    }
  }

  #mark(pen, from, to, top, height, width) {
    const { duration } = this.view.trace;
    const left = (from / duration) * width;
    pen.fillRect(left, top, Math.max((to / duration) * width - left, 1), height);
  }

  #begin(event) {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.drag = { start: event.clientX, now: event.clientX };
  }

  #move(event) {
    if (!this.drag) return;
    this.drag.now = event.clientX;
    const [from, to] = this.#dragged();
    this.#showWindow(from / this.view.trace.duration, to / this.view.trace.duration);
  }

  #end(event) {
    if (!this.drag) return;
    const [from, to] = this.#dragged();
    const isDrag = Math.abs(event.clientX - this.drag.start) >= LEAST_DRAGGED;
    this.drag = null;
    if (isDrag) this.view.zoom(from, to);
    else this.#showWindow();
  }

  #dragged() {
    const { left, width } = this.element.getBoundingClientRect();
    const share = (x) => Math.min(Math.max((x - left) / width, 0), 1) * this.view.trace.duration;
    const times = [share(this.drag.start), share(this.drag.now)];
    return [Math.min(...times), Math.max(...times)];
  }

  #showWindow(from = this.view.from / this.view.trace.duration, to = this.view.to / this.view.trace.duration) {
    this.window.style.left = percent(from);
    this.window.style.width = percent(to - from);
    this.element.classList.toggle("zoomed", from > 0 || to < 1);
  }
}

/** Return a function that gives a colour's value in the theme, by its name. */
function paints(element) {
  const known = new Map();
  return (name) => {
    if (!known.has(name)) {
      element.style.color = `var(--${name})`;
      known.set(name, getComputedStyle(element).color);
      element.style.color = "";
    }
    return known.get(name);
  };
}

/** Return the spans that are drawn. */
function chosen(trace) {
  const spans = [];
  for (let row = 0; row < trace.size; row++) if (trace.kind[row] === SPAN) spans.push(row);
  const every = Math.ceil(spans.length / MOST_DRAWN);
  return spans.filter((row, number) => number % every === 0 || (trace.severity[row] >= ERROR && every < 100));
}

/** Yield the first of the rows that have the same key one after the other. */
function* distinct(rows, keyOf) {
  let last = null;
  for (const row of rows) {
    const key = keyOf(row);
    if (key !== last) yield row;
    last = key;
  }
}
