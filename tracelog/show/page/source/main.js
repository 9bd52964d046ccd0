/** The page as a file: the trace is in the file itself, and so are those that it is linked with, where they were asked for. */

import {showTrace} from "./page.js";
import {addressed} from "./link.js";

function carriedTrace() {
  const element = document.querySelector("#trace");
  const data = JSON.parse(element.textContent);
  element.remove(); // or its text would be held a second time
  const carried = [data, ...data.others], wanted = addressed("trace");
  const shown = carried.find((each) => each.trace_id === wanted) ?? data;
  return { ...shown, carried: carried.map((each) => each.trace_id), home: data.home };
}

showTrace(carriedTrace());
