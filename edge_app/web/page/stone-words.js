// What a recorded stone says, in words.

import { either, percent } from "./words.js";

/** Whether the operator gave it another name. */
export function isCorrected(stone) {
  return stone.correction !== null;
}

/** What it is: the operator's name, else what it was called. */
export function sayStone(stone) {
  return stone.correction?.label ?? sayVerdict(stone);
}

/** What the scanner called it. */
export function sayVerdict(stone) {
  return stone.kind === "refer" || stone.names.length === 0 ? "Refer" : either(stone.names);
}

/** How sure the scanner was: " (97%)", or nothing. */
export function saySure(stone) {
  return stone.kind === "name" ? `, ${percent(stone.confidence)} sure` : "";
}

/** The colour in which it is shown: name, list, refer, taught or corrected. */
export function toneOf(stone) {
  return isCorrected(stone) ? "corrected" : stone.kind;
}

/** A time of today as "10:20", another one with its day. */
export function sayTime(text) {
  const at = new Date(text);
  const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === new Date().toDateString()) return clock;
  return `${at.toLocaleDateString([], { day: "numeric", month: "short" })}, ${clock}`;
}
