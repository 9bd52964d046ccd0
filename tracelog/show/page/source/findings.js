/** What is remarkable about the trace, above it: each finding goes to the spans that prove it, one after the other. */

import {make, told} from "./text.js";
import {say} from "./say.js";
import {count} from "./words.js";

export class Findings {
  /** @param {import("./view.js").View} view @param {HTMLElement} element */
  constructor(view, element) {
    this.view = view;
    this.element = element;
    this.current = -1;
    this.steps = [];
    view.trace.findings.forEach(({ rows }, finding) => {
      for (const row of rows) this.steps.push({ finding, row });
      if (!rows.length) this.steps.push({ finding, row: null });
    });
    element.querySelector("ol").append(...view.trace.findings.map((finding, number) => this.#item(finding, number)));
    element.hidden = !view.trace.findings.length;
  }

  /** Go to the next span of a finding, or the next finding; with `step` -1 to the one before. */
  next(step = 1) {
    const { steps } = this;
    if (!steps.length) return say("no findings");
    const from = this.current < 0 && step < 0 ? 0 : this.current;
    this.#go((from + step + steps.length) % steps.length);
  }

  #item({ kind, text, rows }, number) {
    const spans = rows.length > 1 ? make("span", { class: "quiet" }, ` ${count(rows.length, "span")}`) : null;
    const button = make("button", { type: "button" }, make("span", { class: "kind" }, kind), make("span", {}, told(text, "", 1000), spans));
    button.addEventListener("click", () => this.#enter(number));
    return make("li", {}, button);
  }

  /** Go to the first span of a finding or, where that is current already, to its next one. */
  #enter(finding) {
    const first = this.steps.findIndex((step) => step.finding === finding);
    const next = this.current + 1;
    const goesOn = this.steps[this.current]?.finding === finding && this.steps[next]?.finding === finding;
    this.#go(goesOn ? next : first);
  }

  #go(number) {
    this.current = number;
    const { finding, row } = this.steps[number];
    [...this.element.querySelectorAll("button")].forEach((button, place) => {
      if (place === finding) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    if (row !== null) this.view.reveal(row);
    say(`${this.view.trace.findings[finding].kind}: ${this.view.trace.findings[finding].text}`);
  }
}
