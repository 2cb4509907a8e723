// Small things at the edge: the camera's state, the figures, and what is in trouble.

import { showState } from "./camera-state.js";
import { byId, write, writeOrHide } from "./dom.js";

const FIGURES_MS = 500;
let figuresAt = 0;

/** Show what a reading says of the camera, the speed and the record. */
export function showStatus(reading) {
  showState(reading.state, reading.state);
  writeOrHide(byId("trouble"), reading.trouble);
  const now = performance.now();
  if (now - figuresAt < FIGURES_MS) return;
  figuresAt = now;
  const { fps, latency_ms: latency, dropped } = reading;
  const rate = `${fps.toFixed(1)} FPS · ${Math.round(latency)} ms · ${dropped} dropped`;
  write(byId("figures-rate"), rate);
}

/** Nothing comes from the scanner: no state and no figures are known. */
export function showNoStatus() {
  showState("no connection", "none");
  write(byId("figures-rate"), "");
  byId("trouble").hidden = true;
}

/** Which model looks through which camera. */
export function showNames(session) {
  const { name, version } = session.bundle;
  write(byId("figures-what"), `${name} ${version} · ${session.source} · ${session.backend}`);
  const about = ["gemscan", session.gemscan, "·", name, version, "·", session.backend];
  write(byId("about"), about.filter(Boolean).join(" "));
}
