/**
 * A list of which only the rows in sight, and a few around them, are in the document; each is as high as `--row`.
 * The element that scrolls has the focus, and names the row that is active (aria-activedescendant).
 */

const AROUND = 8;

export class List {
  /**
   * @param {HTMLElement} scroller @param {HTMLElement} content within it, as high as all rows
   * @param {(place: number) => HTMLElement} draw
   */
  constructor(scroller, content, draw) {
    this.scroller = scroller;
    this.content = content;
    this.draw = draw;
    this.length = 0;
    this.active = -1; // the place of the row that is active, which is drawn even out of sight
    this.rowHeight = 24;
    this.drawn = new Map();
    scroller.addEventListener("scroll", () => this.update(), { passive: true });
    new ResizeObserver(() => this.refresh()).observe(scroller);
  }

  /** Begin anew, with so many rows. */
  show(length) {
    this.length = length;
    this.refresh();
  }

  /** Draw all that is in sight anew. */
  refresh() {
    this.content.replaceChildren();
    this.drawn.clear();
    const { rowHeight } = this, { scrollTop } = this.scroller;
    this.rowHeight = this.#measureRow();
    this.content.style.height = `${this.length * this.rowHeight}px`;
    if (rowHeight !== this.rowHeight) this.scroller.scrollTop = (scrollTop / rowHeight) * this.rowHeight;
    this.update();
  }

  /** Draw what has come into sight, and drop what has left it. */
  update() {
    const [first, behind] = this.#range();
    for (const [place, element] of this.drawn) {
      if ((place < first || place >= behind) && place !== this.active) {
        element.remove();
        this.drawn.delete(place);
      }
    }
    for (let place = first; place < behind; place++) this.#add(place);
    if (this.active >= 0 && this.active < this.length) this.#add(this.active);
  }

  /** Make a row the active one, and scroll to where it is in sight; `place` -1: none is. */
  activate(place, { scroll = true } = {}) {
    this.active = place;
    if (scroll && place >= 0) this.#scrollTo(place);
    this.update();
    const element = this.drawn.get(place);
    if (scroll) element?.scrollIntoView({ block: "nearest" }); // where the page itself scrolls
    if (element) this.scroller.setAttribute("aria-activedescendant", element.id);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  /** How many rows a page has. */
  get page() {
    return Math.max(Math.floor(this.#room() / this.rowHeight) - 1, 1);
  }

  #add(place) {
    if (this.drawn.has(place)) return;
    const element = this.draw(place);
    element.style.top = `${place * this.rowHeight}px`;
    this.drawn.set(place, element);
    this.content.append(element);
  }

  #range() {
    const top = this.scroller.scrollTop;
    const first = Math.floor(top / this.rowHeight) - AROUND;
    const behind = Math.ceil((top + this.#room()) / this.rowHeight) + AROUND;
    return [Math.max(first, 0), Math.min(behind, this.length)];
  }

  /** How much of the rows is in sight: what a header leaves, px. */
  #room() {
    return this.scroller.clientHeight - this.content.offsetTop;
  }

  #scrollTo(place) {
    const top = place * this.rowHeight, room = this.#room(), { scrollTop } = this.scroller;
    const around = Math.min(2 * this.rowHeight, Math.max(room - this.rowHeight, 0) / 2);
    const above = scrollTop + around - top, below = top + this.rowHeight + around - scrollTop - room;
    if (above <= 0 && below <= 0) return;
    const isFar = Math.max(above, below) > 3 * this.rowHeight;
    this.scroller.scrollTop = isFar ? top - room / 3 : above > 0 ? top - around : scrollTop + below;
  }

  /** Measure a row; while the list is not shown, as it was before. */
  #measureRow() {
    const probe = document.createElement("div");
    probe.className = "probe";
    this.content.append(probe);
    const { height } = probe.getBoundingClientRect();
    probe.remove();
    return height || this.rowHeight;
  }
}
