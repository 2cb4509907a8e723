// Candidates as bars: name, percent, and a line as long as the model is sure.

import { make, write } from "./dom.js";
import { percent } from "./words.js";

/** Show candidates ({label, confidence, meant}) in a list; its rows are used again. */
export function showBars(list, candidates) {
  while (list.children.length > candidates.length) list.lastElementChild.remove();
  while (list.children.length < candidates.length) list.append(row());
  candidates.forEach((candidate, at) => fill(list.children[at], candidate));
}

function row() {
  const name = make("bdi", "name");
  name.translate = false;
  return make("li", "", [name, make("span", "percent"), make("span", "track", [make("span")])]);
}

function fill(item, candidate) {
  const [name, share, track] = item.children;
  write(name, candidate.label);
  write(share, percent(candidate.confidence));
  track.firstElementChild.style.transform = `scaleX(${candidate.confidence})`;
  item.classList.toggle("meant", Boolean(candidate.meant));
}
