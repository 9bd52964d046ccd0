/** The time axis above the bars: its ticks, their lines through all rows, and the time that is pointed at. */

import {make} from "./text.js";
import {percent} from "./bars.js";
import {duration, offset} from "./words.js";

const TICK_ROOM = 70;
/** How much room a tick wants, px. */

export class Axis {
  /**
   * @param {import("./view.js").View} view @param {HTMLElement} grid whose rows the lines go through
   * @param {HTMLElement} header the cell of the axis in its header @param {HTMLElement} layer for the lines
   */
  constructor(view, grid, header, layer) {
    this.view = view;
    this.grid = grid;
    this.header = header;
    this.layer = layer;
    this.cursor = make("i", { class: "cursor", hidden: true }, make("span", { class: "time" }));
    view.addEventListener("rows", () => this.draw());
    view.addEventListener("point", () => this.#point());
    grid.addEventListener("pointermove", (event) => view.point(this.#timeAt(event)));
    grid.addEventListener("pointerleave", () => view.point(null));
    new ResizeObserver(() => this.draw()).observe(header);
  }

  draw() {
    const { view, header, layer } = this;
    const grid = this.grid.getBoundingClientRect(), cell = header.getBoundingClientRect();
    layer.style.left = `${cell.left - grid.left}px`;
    layer.style.width = `${cell.width}px`;
    const times = ticks(view.from, view.to, cell.width / TICK_ROOM);
    header.replaceChildren(...times.map((time) => this.#at(time, make("span", { class: "tick" }, this.#named(time, cell.width)))));
    layer.replaceChildren(...times.map((time) => this.#at(time, make("i", { class: "tick" }))), this.cursor);
    this.#point();
  }

  /** Return the time that the mouse is at: that of the line it is on, else that on the axis. */
  #timeAt(event) {
    const { trace } = this.view;
    const row = Number(event.target.closest("[data-row]")?.dataset.row ?? -1);
    if (row >= 0 && trace.isLine(row)) return trace.at[row];
    const { left, width } = this.layer.getBoundingClientRect();
    const share = (event.clientX - left) / width;
    return share < 0 || share > 1 ? null : this.view.from + share * (this.view.to - this.view.from);
  }

  #point() {
    const { pointed } = this.view;
    const share = pointed === null ? -1 : this.view.share(pointed);
    this.cursor.hidden = share < 0 || share > 1;
    if (this.cursor.hidden) return;
    this.cursor.style.left = percent(share);
    this.cursor.classList.toggle("late", share > 0.8);
    this.cursor.firstElementChild.textContent = offset(Math.round(pointed));
  }

  /** Return what a tick says, where there is room for it. */
  #named(time, width) {
    if ((1 - this.view.share(time)) * width < TICK_ROOM / 2) return "";
    return time ? duration(time) : "0";
  }

  #at(time, element) {
    element.style.left = percent(this.view.share(time));
    return element;
  }
}

/** Return round times between two, at most so many. */
export function ticks(from, to, most) {
  const least = (to - from) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = Math.max([1, 2, 5, 10].map((times) => times * power).find((size) => size >= least) ?? least, 1);
  const found = [];
  for (let number = Math.ceil(from / step); number * step <= to; number++) found.push(number * step);
  return found;
}
