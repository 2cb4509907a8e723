// A short confirmation that goes by itself.

import { byId, write } from "./dom.js";

const SHOWN_MS = 4000;
let timer = 0;

/** Say that something was done. */
export function confirmDone(words) {
  const toast = byId("toast");
  write(toast, words);
  toast.dataset.shown = "true";
  clearTimeout(timer);
  timer = setTimeout(() => {
    toast.dataset.shown = "false";
  }, SHOWN_MS);
}
