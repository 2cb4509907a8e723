// The camera that fills a folder: puts the parts of its page together.
//
// What other programs may hold on to:
//   #hold               the button; data-recording "true" while pictures are taken
//   #now, #shoot        why a picture would not be kept now; data-tone: ready, refused, other, waiting
//   #kept, #refused, #last, #undo
//   #chosen, #class-list (li > button[aria-pressed]), #label, #add, #problem, #balance
//   #state, #trouble, #stage, #connection   as on the scanner's page

import { get, remove } from "./api.js";
import { showClasses, wireClasses } from "./capture-classes.js";
import { HoldButton } from "./capture-hold.js";
import { sayCapture, showCapture, showLast, showNothing } from "./capture-words.js";
import { Connection } from "./connection.js";
import { byId, write } from "./dom.js";
import { Stage } from "./stage.js";
import { wireTheme } from "./theme.js";

const REFRESH_MS = 500; // while five pictures a second come

const stage = new Stage();
const hold = new HoldButton(() => label, fail);

let label = ""; // of the chosen class
let revision = null;
let refreshing = false;

function showReading(reading, bitmap) {
  stage.show(reading, bitmap, sayCapture(reading));
  showCapture(reading);
  if (!reading.capture) return;
  label = reading.capture.chosen;
  hold.enable(Boolean(label));
  if (reading.capture.revision !== revision) refresh();
}

function showSilence() {
  hold.release();
  hold.enable(false);
  stage.silence();
  showNothing();
}

/** Ask for what changed; at most so often. */
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    show(await get("/api/capture"));
  } catch (error) {
    fail(error);
  }
  setTimeout(() => {
    refreshing = false;
  }, REFRESH_MS);
}

function show(capture) {
  revision = capture.revision;
  showClasses(capture);
  showLast(capture);
}

function chosen(capture) {
  label = capture.chosen;
  show(capture);
  fail(null);
  hold.enable(true);
  hold.focus();
  write(byId("announce"), `${capture.chosen} is chosen`);
}

async function undo() {
  hold.release();
  try {
    const gone = await remove("/api/capture/last");
    fail(null);
    write(byId("announce"), `Removed ${gone.file}`);
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  write(byId("problem"), error ? error.message : "");
}

async function open() {
  const session = await get("/api/session").catch(() => null);
  if (!session) return;
  if (session.mode !== "capture") window.location.replace("/");
  write(byId("source"), session.source);
  refresh();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
  if (event.key.toLowerCase() === "u" && !byId("undo").disabled) undo();
}

wireTheme();
wireClasses(chosen, fail);
byId("undo").addEventListener("click", undo);
document.addEventListener("keydown", press);
new Connection({ onReading: showReading, onSilence: showSilence, onOpen: open }).start();
