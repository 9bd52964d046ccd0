/** Dark, light, or as the system has it. */

import {recall, remember} from "./settings.js";

const THEMES = ["auto", "dark", "light"];

/** Let a button go through the themes; `changed` is called when colours are other ones. */
export function offerThemes(button, changed) {
  const set = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    changed();
  };
  let theme = recall("theme", "auto");
  if (!THEMES.includes(theme)) theme = "auto";
  set(theme);
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember("theme", theme);
    set(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
