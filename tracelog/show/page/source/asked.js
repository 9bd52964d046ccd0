/** The fields of the filter: what is asked for, and how much was found. */

import {LEVELS, SPAN} from "./trace.js";
import {WITHOUT_LINES, match} from "./filter.js";
import {make, plain} from "./text.js";
import {count} from "./words.js";

const PAUSE = 120;
/** So long after the last key it is looked for, ms. */

export class Asked {
  /** @param {import("./view.js").View} view @param {HTMLFormElement} form */
  constructor(view, form) {
    this.view = view;
    this.form = form;
    [this.text, this.level, this.service, this.attributes] = form.querySelectorAll("input, select");
    this.found = form.querySelector("output");
    const { trace } = view;
    const levels = LEVELS.slice(1).map((level, number) => [String(number + 1), number === 4 ? level : `${level} and above`]);
    this.#offer(this.level, [["", "any level"], ...levels, [WITHOUT_LINES, "no lines"]]);
    this.#offer(this.service, [["", "any service"], ...trace.services.map(({ name }, number) => [String(number), name])]);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.look(), PAUSE);
    });
    view.addEventListener("rows", () => this.#sayFound());
  }

  get isEmpty() {
    return ![this.text, this.level, this.service, this.attributes].some((field) => field.value);
  }

  /** Ask for nothing more. */
  clear() {
    this.form.reset();
    this.look();
  }

  /** Look for what is asked for. */
  look() {
    const level = this.level.value;
    this.view.filter(match(this.view.trace, {
      text: this.text.value.trim(),
      level: level === WITHOUT_LINES ? level : Number(level) || null,
      service: this.service.value === "" ? null : Number(this.service.value),
      attributes: this.attributes.value,
    }));
  }

  #offer(field, choices) {
    field.append(...choices.map(([value, name]) => make("option", { value }, plain(name, 80))));
  }

  #sayFound() {
    const { view } = this;
    if (!view.hits && !this.isEmpty) this.form.reset(); // something was gone to that the filter hid
    if (!view.isNarrowed) {
      this.found.textContent = "";
      return;
    }
    let spans = 0, lines = 0;
    for (let row = 0; row < view.trace.size; row++) {
      if (!view.matches(row)) continue;
      if (view.trace.kind[row] === SPAN) spans++;
      else if (view.trace.isLine(row)) lines++;
    }
    this.found.textContent = `${count(spans, "span")}, ${count(lines, "line")}`;
  }
}
