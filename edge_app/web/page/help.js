// The keys, the full screen, and the help that lists them.

import { anyOpen, open } from "./dialog.js";
import { byId } from "./dom.js";

const KEYS = {
  n: "not-right",
  t: "teach",
  e: "export",
  d: "theme",
  f: "full",
  "?": "help",
};

/** Let each key press its button. */
export function wireHelp() {
  byId("help").addEventListener("click", () => open(byId("help-dialog")));
  byId("full").addEventListener("click", toggleFull);
  byId("full").hidden = !document.fullscreenEnabled;
  document.addEventListener("keydown", press);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || anyOpen()) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const control = reach(event.key === "/" ? "search" : KEYS[event.key.toLowerCase()]);
  if (!control) return;
  event.preventDefault(); // else the letter is typed into the field that it opens
  if (control.id === "search") control.focus();
  else control.click();
}

/** A control that is there to be used now. */
function reach(id) {
  const control = id && byId(id);
  return control && control.checkVisibility?.() !== false ? control : null;
}

function toggleFull() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => {}); // the browser forbids it
}
