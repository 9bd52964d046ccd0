/** The page of one trace: show it, and let whoever looks at it move. */

import {Trace} from "./trace.js";
import {View} from "./view.js";
import {Bars} from "./bars.js";
import {Tree} from "./tree.js";
import {Lines} from "./lines.js";
import {Details} from "./details.js";
import {Findings} from "./findings.js";
import {Axis} from "./axis.js";
import {Overview} from "./overview.js";
import {Asked} from "./asked.js";
import {Moves} from "./moves.js";
import {Panels} from "./panels.js";
import {Keys} from "./keys.js";
import {bindings, toLines} from "./bindings.js";
import {offerThemes} from "./theme.js";
import {linkSelection} from "./link.js";
import {showHead} from "./head.js";

const at = (selector) => document.querySelector(selector);

/**
 * Show a trace in the document, which is page.html's; once in the life of a document.
 * @param {any} data what data.py encodes, wherever it came from
 */
export function showTrace(data) {
  const trace = new Trace(data);
  showHead(trace, at("h1"), at("#facts"), at("#copies"));
  const view = new View(trace), bars = new Bars(view), panels = new Panels(at("main"), at("#views"));
  const tree = new Tree(view, bars, at("#tree"), at("#tree .body"));
  new Details(view, bars, at("#details"), () => toLines(panels, lines)); // first, for it changes the room of the lines
  const lines = new Lines(view, at("#lines-list"), at("#lines-list .body"), at("#lines-heading"));
  const overview = new Overview(view, at("#overview"));
  new Axis(view, at("#tree"), at("#tree .head .axis"), at("#around-tree .layer"));
  const keys = new Keys(bindings({
    view, tree, lines, panels, moves: new Moves(view), findings: new Findings(view, at("#findings")),
    asked: new Asked(view, at("#filter")), help: at("#keys"), changeTheme: () => at("#theme").click(),
  }), at("#keys"));
  for (const button of document.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => keys.do(button.dataset.key));
  }
  offerThemes(at("#theme"), () => overview.draw());
  linkSelection(view);
}
