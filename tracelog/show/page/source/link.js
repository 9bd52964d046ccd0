/**
 * The address of what is selected: `#span=ID`, or `#line=NUMBER`, a line's place by time; where it is in another trace
 * than the page opens with, `#trace=ID&` before that.
 */

import {NONE} from "./trace.js";
import {say} from "./say.js";

/** Return what an address names under a key; null where it does not. */
export function addressed(key) {
  return new URLSearchParams(location.hash.slice(1)).get(key);
}

/**
 * Return the address of a trace, or of a span of it (`span`) or one of its lines (`line`): in the page where that has it,
 * else with the server that the page is from; null where there is none.
 */
export function addressOf(trace, traceId, place = {}) {
  const isHere = trace.carried.includes(traceId);
  if (!isHere && !trace.home) return null;
  const named = Object.entries({ ...(!isHere || traceId === trace.carried[0] ? {} : { trace: traceId }), ...place });
  const behind = `#${named.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&")}`;
  return isHere ? behind : `${trace.home}trace/${encodeURIComponent(traceId)}${behind}`;
}

/** Select what the address names, now and when it changes, and keep it up to date. */
export function linkSelection(view) {
  const { trace } = view;
  const follow = () => {
    const line = addressed("line"), span = addressed("span");
    const row = line !== null ? trace.lines[Number(line) - 1] ?? NONE : trace.rowOf(span);
    if (row !== NONE) view.reveal(row);
    else if (line !== null || span !== null) say(`not in this trace: ${location.hash.slice(1)}`);
  };
  view.addEventListener("selection", () => {
    const { selected } = view;
    const line = selected === NONE ? NONE : trace.lines.indexOf(selected);
    const owner = selected === NONE ? NONE : trace.ownerOf(selected);
    const place = line !== NONE ? { line: line + 1 } : owner !== NONE ? { span: trace.idOf(owner) } : null;
    const address = place && addressOf(trace, trace.traceId, place);
    if (address && address !== location.hash) history.replaceState(null, "", address);
  });
  addEventListener("hashchange", () => {
    const wanted = addressed("trace") ?? trace.carried[0];
    if (wanted !== trace.traceId && trace.carried.includes(wanted)) location.reload(); // which opens that one
    else follow();
  });
  follow();
}
