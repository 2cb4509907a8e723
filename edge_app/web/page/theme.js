// Dark or light: as the device prefers, until the operator chooses.

import { byId } from "./dom.js";

const KEY = "gemscan-theme";
const GROUNDS = { dark: "#0e1113", light: "#eef0f1" };
const prefersLight = window.matchMedia("(prefers-color-scheme: light)");

let chosen = stored();

/** Apply what was chosen, and follow the device while nothing was. */
export function wireTheme() {
  apply();
  prefersLight.addEventListener("change", apply);
  byId("theme").addEventListener("click", toggle);
}

function toggle() {
  chosen = current() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // a browser that keeps nothing forgets it with the page
  }
  apply();
}

function apply() {
  const theme = current();
  document.documentElement.dataset.theme = theme;
  byId("light").media = theme === "light" ? "all" : "not all";
  document.querySelector('meta[name="theme-color"]').content = GROUNDS[theme];
}

function current() {
  return chosen ?? (prefersLight.matches ? "light" : "dark");
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
