// One stone of the list, opened: what was said of it, and the way to correct it.

import { showBars } from "./bars.js";
import { byId, write, writeOrHide } from "./dom.js";
import { open } from "./dialog.js";
import { isCorrected, sayStone, saySure, sayTime, sayVerdict, toneOf } from "./stone-words.js";

/** The dialog of one stone; `onCorrect(key, said)` when it is not right. */
export class StoneDialog {
  constructor(onCorrect) {
    this.dialog = byId("stone-dialog");
    this.stone = null;
    byId("stone-correct").addEventListener("click", () => {
      this.dialog.close();
      onCorrect(this.stone.key, sayVerdict(this.stone));
    });
  }

  show(stone) {
    this.stone = stone;
    this.dialog.dataset.tone = toneOf(stone);
    write(byId("stone-title"), sayStone(stone));
    writeOrHide(byId("stone-said"), said(stone));
    write(byId("stone-when"), when(stone));
    writeOrHide(byId("stone-correction"), corrected(stone));
    showPicture(stone);
    showBars(byId("stone-candidates"), bars(stone));
    open(this.dialog);
  }
}

function said(stone) {
  if (stone.unfamiliar) return "Unlike every kind it knows";
  const provisional = stone.kind === "taught" ? ", provisional: taught here" : "";
  return `The scanner said: ${sayVerdict(stone)}${saySure(stone)}${provisional}`;
}

function when(stone) {
  return `${sayTime(stone.laid_at)}, decided in ${stone.seconds.toFixed(1)} s`;
}

function corrected(stone) {
  if (!isCorrected(stone)) return "";
  const { label, note, at } = stone.correction;
  return `Corrected to ${label}, ${sayTime(at)}${note ? `: ${note}` : ""}`;
}

function showPicture(stone) {
  const picture = byId("stone-picture");
  picture.hidden = !stone.thumbnail;
  if (stone.thumbnail) picture.src = `/api/stones/${encodeURIComponent(stone.key)}/thumbnail`;
}

function bars(stone) {
  if (stone.unfamiliar) return [];
  return stone.candidates.map((each) => ({ ...each, meant: stone.names.includes(each.label) }));
}
