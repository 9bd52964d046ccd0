/** Which key does what, in the order in which the help says it. */

import {NONE} from "./trace.js";
import {spanIdOf} from "./commands.js";
import {copy} from "./copy.js";

/** Return the keys of the page. `parts` are what they move. */
export function bindings({ view, tree, lines, findings, asked, moves, panels, help, changeTheme }) {
  const move = (step) => {
    if (document.activeElement === document.body) panels.enter(panels.shown);
    if (panels.isIn("lines")) lines.move(step);
    else moves.by(step);
  };
  const page = () => (panels.isIn("lines") ? lines : tree).list.page;
  const key = (keys, said, does) => ({ keys: keys.split(" "), said, does });
  return [
    key("j ↓", "next row or, in the list of lines, next line", () => move(1)),
    key("k ↑", "row or line before", () => move(-1)),
    key("PageDown", "a page on", () => move(page())),
    key("PageUp", "a page back", () => move(-page())),
    key("Home", "first row or line", () => move(-view.trace.size)),
    key("End", "last row or line", () => move(view.trace.size)),
    key("→", "unfold, or go to the first row within", () => moves.right()),
    key("←", "fold, or go to the row above", () => moves.left()),
    key("Enter", "to the details; from the list of lines to the timeline",
      () => panels.enter(panels.isIn("lines") ? "timeline" : "details")),
    key("l", "to the lines of the selected span, by time", () => toLines(panels, lines)),
    key("e", "next error", () => moves.error(1)),
    key("E", "error before", () => moves.error(-1)),
    key("f", "follow the critical path", () => moves.wait(1)),
    key("F", "follow it back", () => moves.wait(-1)),
    key("n", "next finding", () => findings.next(1)),
    key("N", "finding before", () => findings.next(-1)),
    key("/", "filter by text", () => asked.text.select()),
    key("[", "fold all", () => view.foldAll(true)),
    key("]", "unfold all", () => view.foldAll(false)),
    key("z", "zoom to the selected span", () => moves.fit()),
    key("+ =", "zoom in", () => moves.in()),
    key("-", "zoom out", () => moves.out()),
    key("0", "all of the time", () => moves.all()),
    key("⇧→", "later", () => moves.pan(0.5)),
    key("⇧←", "earlier", () => moves.pan(-0.5)),
    key("c", "copy the id of the selected span, else of the trace", () => copyId(view)),
    key("t", "dark, light, or as the system has it", changeTheme),
    key("?", "these keys", () => help.showModal()),
    key("Esc", "back to the timeline; there, end the filter, then the zoom", () => leave(view, asked, panels)),
  ];
}

/** Go to the lines of the selected span. */
export function toLines(panels, lines) {
  panels.enter("lines");
  lines.toOwn();
}

function copyId({ trace, selected }) {
  const id = selected === NONE ? trace.traceId : spanIdOf(trace, selected);
  if (id) copy(id);
}

function leave(view, asked, panels) {
  if (document.activeElement !== document.body && !panels.isIn("timeline")) panels.enter("timeline");
  else if (!asked.isEmpty) asked.clear();
  else if (view.isZoomed) view.zoom(0, view.trace.duration);
}
