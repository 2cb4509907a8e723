// The verdict: the largest thing on the page.

import { showBars } from "./bars.js";
import { byId, make, write, writeOrHide } from "./dom.js";
import { fit } from "./fit.js";
import { either } from "./words.js";

const FIGURES_MS = 250; // figures that change with every frame cannot be read
const SIGNS = { waiting: "quiet", looking: "quiet" };
const LARGEST_SHARE = 0.21; // of the panel's width, in pixels of the font
const QUIET_SHARE = 0.095; // what is no verdict is smaller

/** The verdict panel; shows what `sayReading` (words.js) says. */
export class VerdictPanel {
  constructor() {
    this.panel = byId("verdict");
    this.name = byId("verdict-name");
    this.box = this.name.parentElement;
    this.shown = "";
    this.announced = "";
    this.barsAt = 0;
    new ResizeObserver(() => this.refit()).observe(this.box);
  }

  /** Show it, and announce a verdict once for each stone. */
  show(said, stone = "") {
    const words = JSON.stringify([said.tone, said.caption, said.names, said.more]);
    const now = performance.now();
    if (words !== this.shown || now - this.barsAt >= FIGURES_MS) {
      this.figures(said);
      this.barsAt = now;
    }
    if (words !== this.shown) this.words(said);
    this.shown = words;
    this.announce(said, stone);
  }

  words(said) {
    this.panel.dataset.tone = said.tone;
    const sign = this.panel.querySelector(".sign use");
    sign.setAttribute("href", `#sign-${SIGNS[said.tone] ?? said.tone}`);
    write(byId("verdict-caption"), said.caption);
    this.name.replaceChildren(...said.names.map(line));
    write(byId("verdict-more"), said.more);
    this.refit();
  }

  figures(said) {
    const sure = byId("verdict-sure");
    const grew = sure.hidden !== !said.sure;
    writeOrHide(sure, said.sure);
    showBars(byId("candidates"), said.bars);
    if (grew) this.refit();
  }

  refit() {
    const quiet = ["waiting", "looking"].includes(this.panel.dataset.tone);
    const width = this.box.clientWidth;
    fit(this.name, this.box, quiet ? Math.max(26, QUIET_SHARE * width) : LARGEST_SHARE * width);
  }

  announce(said, stone) {
    const words = said.final && !said.lifted ? `${said.caption}: ${either(said.names)}` : "";
    if (words && words + stone !== this.announced) {
      write(byId("announce"), "");
      setTimeout(() => write(byId("announce"), words), 50); // the same words, said again
    }
    if (words) this.announced = words + stone;
  }
}

function line(name, at) {
  const text = make("bdi", "", name);
  return make("span", "line", at ? [make("span", "or", "or "), text] : [text]);
}
