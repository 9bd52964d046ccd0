/** The three parts of the page: beside each other where there is room, else one at a time. */

export class Panels {
  /** @param {HTMLElement} main @param {HTMLElement} tabs a button for each part, by its name */
  constructor(main, tabs) {
    this.main = main;
    this.buttons = [...tabs.querySelectorAll("button")];
    for (const button of this.buttons) button.addEventListener("click", () => this.show(button.dataset.view));
    this.show("timeline");
  }

  show(name) {
    this.main.dataset.view = name;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.view === name));
  }

  get shown() {
    return this.main.dataset.view;
  }

  /** Show a part, and give it the focus. */
  enter(name) {
    this.show(name);
    this.#focusOf(name).focus({ preventScroll: true });
  }

  isIn(name) {
    return document.activeElement === this.#focusOf(name);
  }

  #focusOf(name) {
    const part = this.main.querySelector(`#${name}`);
    return part.querySelector("[role=treegrid], [role=listbox]") ?? part;
  }
}
