/** The timeline: the tree of spans with what is within them, as a grid of which each row may be folded. */

import {NONE} from "./trace.js";
import {List} from "./list.js";
import {cells, classes} from "./rows.js";
import {make} from "./text.js";

export class Tree {
  /**
   * @param {import("./view.js").View} view @param {import("./bars.js").Bars} bars
   * @param {HTMLElement} grid which scrolls @param {HTMLElement} body within it
   */
  constructor(view, bars, grid, body) {
    this.view = view;
    this.bars = bars;
    this.grid = grid;
    this.list = new List(grid, body, (place) => this.#draw(view.rows[place]));
    view.addEventListener("rows", () => this.#rearrange());
    view.addEventListener("selection", () => this.#follow());
    body.addEventListener("click", (event) => this.#click(event));
    this.#rearrange();
  }

  #draw(row) {
    const { view } = this;
    const { trace } = view;
    const isSelected = row === view.selected;
    return make("div", {
      role: "row", id: `row-${row}`, class: classes(view, row) + (isSelected ? " selected" : ""), "data-row": String(row),
      "aria-level": String(trace.depth[row] + 1), "aria-rowindex": String(view.place[row] + 2),
      "aria-posinset": String(view.position[row]), "aria-setsize": String(view.siblings[trace.parent[row] + 1]),
      "aria-selected": String(isSelected), "aria-expanded": view.canFold(row) ? String(!view.folded[row]) : null,
    }, ...cells(view, this.bars, row));
  }

  #rearrange() {
    const { view } = this;
    this.grid.setAttribute("aria-rowcount", String(view.rows.length + 1));
    this.list.active = view.selected === NONE ? NONE : view.place[view.selected];
    this.list.show(view.rows.length);
    this.#follow();
  }

  /** Show which row is selected, and scroll to it. */
  #follow() {
    const { view, list } = this;
    for (const element of list.content.querySelectorAll(".selected")) {
      element.classList.remove("selected");
      element.setAttribute("aria-selected", "false");
    }
    list.activate(view.selected === NONE ? NONE : view.place[view.selected]);
    const element = document.getElementById(`row-${view.selected}`);
    element?.classList.add("selected");
    element?.setAttribute("aria-selected", "true");
  }

  #click(event) {
    const element = event.target.closest("[data-row]");
    if (!element) return;
    const row = Number(element.dataset.row);
    if (event.target.closest(".twist")) this.view.fold(row, !this.view.folded[row]);
    else this.view.select(row);
  }
}
