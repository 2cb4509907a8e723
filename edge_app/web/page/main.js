// The screen of the scanner: puts its parts together.
//
// What other programs may hold on to:
//   #stage              the picture; data-live "true" while a live picture is shown
//   #connection         shown (not hidden) while nothing comes from the scanner
//   #state              the camera's state; data-state "live", "lost", ..., "none"
//   #trouble            why stones are not recorded; hidden when they are
//   #verdict            data-tone: name, list, refer, taught, corrected, looking, waiting
//   #verdict-caption, #verdict-name, #verdict-sure, #verdict-more, #candidates
//   #prompt             what to do now, over the picture, while a verdict is shown
//   #not-right, #teach  open #correct-dialog (#correct-filter, #correct-names, #correct-note,
//                       #correct-save) and #teach-dialog (#teach-label, #teach-start,
//                       #teach-view, #teach-save, #taught)
//   #stones             li[data-key] a stone, data-tone as above; its button opens #stone-dialog
//   #search, #more, #today, #export (a link: today's CSV), #export-all
//   #not-kept           why there is no record; then #record and #actions are hidden
//   #toast, #announce   the last confirmation; the last verdict, for screen readers
//   #theme, #full, #help
//   #devices-open       in #help-dialog, on the scanner itself: opens #devices-dialog (#devices)

import { Connection } from "./connection.js";
import { CorrectDialog } from "./correct.js";
import { wireDevices } from "./devices.js";
import { wireDialogs } from "./dialog.js";
import { byId } from "./dom.js";
import { wireHelp } from "./help.js";
import { Session } from "./session.js";
import { Stage } from "./stage.js";
import { showNoStatus, showStatus } from "./status.js";
import { StoneDialog } from "./stone.js";
import { StoneList } from "./stones.js";
import { TeachDialog } from "./teach.js";
import { wireTheme } from "./theme.js";
import { VerdictPanel } from "./verdict.js";
import { sayNothing, sayReading, sayScanner } from "./words.js";

const stage = new Stage();
const panel = new VerdictPanel();
const correct = new CorrectDialog(() => stones.refresh());
const stone = new StoneDialog((key, said) => correct.show(key, said));
const stones = new StoneList((chosen) => stone.show(chosen));
const teach = new TeachDialog();
const session = new Session(() => stones.refresh());

let onTray = { key: "", said: "" };
let revision = null;

function showReading(reading, bitmap) {
  const said = sayReading(reading);
  stage.show(reading, bitmap, said);
  panel.show(said, reading.stone);
  showStatus(reading);
  teach.follow(reading);
  setStone(said.final ? reading.stone : "", said.final ? sayScanner(reading) : "");
  if (reading.revision !== revision) stones.refresh();
  revision = reading.revision;
}

function showSilence() {
  stage.silence();
  panel.show(sayNothing);
  showNoStatus();
  setStone("", "");
}

/** The stone that the button beside the verdict corrects. */
function setStone(key, said) {
  onTray = { key, said };
  byId("not-right").disabled = !key;
}

wireTheme();
wireHelp();
wireDevices();
wireDialogs();
byId("not-right").addEventListener("click", () => correct.show(onTray.key, onTray.said));
byId("teach").addEventListener("click", () => teach.show());
new Connection({
  onReading: showReading,
  onSilence: showSilence,
  onOpen: () => session.refresh(),
}).start();
