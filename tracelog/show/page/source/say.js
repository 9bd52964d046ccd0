/** Words for whoever uses the page: read out, and shown for a while. */

import {visible} from "./text.js";

const SHOWN_FOR = 4000;
let ending = 0;

export function say(text) {
  const place = document.getElementById("said");
  place.replaceChildren(...visible(text));
  clearTimeout(ending);
  ending = setTimeout(() => place.replaceChildren(), SHOWN_FOR);
}
