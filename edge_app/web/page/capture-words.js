// What the camera says of a picture, of what was kept, and of the balance of classes.

import { showState } from "./camera-state.js";
import { byId, make, write, writeOrHide } from "./dom.js";
import { capital } from "./words.js";

const FEW = 20; // as `gemscan data collect` has it
const UNEVEN = 5;
const TONES = { ready: "name", refused: "list", other: "refer", waiting: "list" };

/** What the stage draws around the stone; of a stone that is turned every other picture is new. */
export function sayCapture(reading) {
  const { recording, chosen, reason } = reading.capture ?? {};
  const label = recording ? `Recording ${chosen}` : "";
  const prompt = reason === "same picture" ? "" : capital(reading.prompt);
  return { tone: TONES[tone(reading)], label, prompt, final: true };
}

/** Show what comes with each picture. */
export function showCapture(reading) {
  const { capture, state } = reading;
  showState(state, state);
  writeOrHide(byId("trouble"), capital(reading.trouble));
  if (!capture) return;
  byId("shoot").dataset.tone = tone(reading);
  write(byId("now"), sayNow(reading));
  byId("hold").dataset.recording = String(capture.recording);
  write(byId("hold-words"), sayHold(capture));
  write(byId("chosen"), capture.chosen || "None yet");
  write(byId("kept"), `${capture.kept} kept`);
  byId("undo").disabled = capture.kept === 0;
  showRefused(capture.refused);
  write(byId("unread"), capture.unread ? `reading the folder: ${capture.unread} left` : "");
}

/** Nothing comes from the camera. */
export function showNothing() {
  showState("no connection", "none");
  byId("trouble").hidden = true;
  byId("shoot").dataset.tone = "waiting";
  byId("hold").dataset.recording = "false";
  byId("undo").disabled = true;
  write(byId("hold-words"), "No connection");
  write(byId("now"), "");
}

/** Thumbnails of the last pictures, the newest first. */
export function showLast({ last }) {
  const list = byId("last");
  const shown = new Map([...list.children].map((item) => [item.dataset.number, item]));
  const items = last.map((picture) => shown.get(String(picture.number)) ?? thumbnail(picture));
  const news = items.length !== shown.size || items.some((item, at) => item !== list.children[at]);
  if (news) list.replaceChildren(...items);
}

/** What of the balance makes training hard. */
export function sayBalance(classes) {
  if (classes.length === 0) return "No class yet: write the name of the first one above.";
  const few = classes.filter(({ count }) => count < FEW).length;
  const said = few ? [`${few} of ${classes.length} have fewer than ${FEW} pictures.`] : [];
  const sorted = [...classes].sort((one, other) => one.count - other.count);
  const [fewest, most] = [sorted[0], sorted[sorted.length - 1]];
  if (most.count > UNEVEN * Math.max(1, fewest.count)) {
    said.push(`Uneven: ${most.label} has ${most.count}, ${fewest.label} ${fewest.count}.`);
  }
  return said.join(" ");
}

function thumbnail({ number, label, file }) {
  const image = make("img");
  image.src = `/api/capture/last/${number}`;
  image.alt = `${label}: ${file}`;
  image.title = file;
  const item = make("li", "", [image]);
  item.dataset.number = number;
  return item;
}

function tone({ capture, state }) {
  if (!capture || state !== "live") return "waiting";
  if (!capture.reason) return "ready";
  return capture.reason === "other class" ? "other" : "refused";
}

function sayNow(reading) {
  if (reading.state !== "live") return capital(reading.advice);
  if (reading.prompt) return capital(reading.prompt);
  return reading.capture.recording ? "Turn the stone slowly." : "In focus: ready.";
}

function sayHold({ chosen, recording }) {
  if (!chosen) return "Choose a class first";
  return recording ? "Recording" : "Hold to record";
}

function showRefused(refused) {
  const said = Object.entries(refused).map(([reason, count]) => `${reason} ${count}`);
  const list = byId("refused");
  while (list.children.length > said.length) list.lastElementChild.remove();
  while (list.children.length < said.length) list.append(make("li"));
  said.forEach((words, at) => write(list.children[at], words));
}
