// "Teach": a few views of a stone of a new kind, and the list of what was taught.

import { post, remove } from "./api.js";
import { ask, open } from "./dialog.js";
import { byId, make, write } from "./dom.js";
import { forget, showTaught } from "./taught.js";
import { confirmDone } from "./toast.js";
import { capital } from "./words.js";

const ADVISED = 3;
const MOST = 10;

/** The dialog of lessons. */
export class TeachDialog {
  constructor() {
    this.dialog = byId("teach-dialog");
    this.label = "";
    this.views = 0;
    this.wire();
  }

  wire() {
    byId("teach-begin").addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt(byId("teach-start"), () => this.begin());
    });
    const view = byId("teach-view");
    view.addEventListener("click", () => this.attempt(view, () => this.take()));
    const save = byId("teach-save");
    save.addEventListener("click", () => this.attempt(save, () => this.save()));
    this.dialog.addEventListener("cancel", (event) => this.leave(event));
    this.dialog.addEventListener("close", () => this.drop());
  }

  show() {
    this.label = "";
    byId("teach-label").value = "";
    this.step();
    open(this.dialog, byId("teach-label"));
    this.attempt(null, () => this.list());
  }

  /** What the operator should do for the next view, from the live reading. */
  follow(reading) {
    if (this.label) write(byId("teach-prompt"), capital(reading?.prompt ?? ""));
  }

  async list() {
    await showTaught((label) => this.attempt(null, () => this.forget(label)));
  }

  async forget(label) {
    if (!(await forget(label))) return; // its button still has the focus
    await this.list();
    byId("teach-title").focus();
  }

  async begin() {
    const label = byId("teach-label").value.trim();
    if (!label) return;
    const lesson = await post("/api/lesson", { label });
    [this.label, this.views] = [lesson.label, lesson.views];
    this.step();
    byId("teach-view").focus();
  }

  async take() {
    this.views = (await post("/api/lesson/view", { label: this.label })).views;
    this.step();
  }

  async save() {
    const { label } = this;
    await post("/api/lesson/save", { label });
    this.label = "";
    this.dialog.close();
    confirmDone(`${label} is known now, provisionally`);
  }

  step() {
    byId("teach-begin").hidden = Boolean(this.label);
    byId("teach-views").hidden = !this.label;
    write(byId("teach-problem"), "");
    write(byId("teach-prompt"), "");
    write(byId("teach-name"), this.label);
    write(byId("teach-count"), countOf(this.views));
    write(byId("teach-advice"), adviceFor(this.views));
    byId("teach-dots").replaceChildren(...dots(this.views));
    this.steer();
  }

  /** Which button is the next one to press. */
  steer() {
    const enough = this.views >= ADVISED;
    byId("teach-view").disabled = this.views >= MOST;
    byId("teach-view").classList.toggle("strong", !enough);
    byId("teach-save").disabled = this.views === 0;
    byId("teach-save").classList.toggle("strong", enough);
  }

  /** Do it with its button off, and say what is wrong. */
  async attempt(button, action) {
    write(byId("teach-problem"), "");
    if (button) button.disabled = true;
    try {
      await action();
    } catch (error) {
      write(byId("teach-problem"), error.message);
    }
    if (button) button.disabled = false;
    this.steer();
  }

  /** Views that were taken are not thrown away without a question. */
  async leave(event) {
    if (!this.label || this.views === 0) return;
    event.preventDefault();
    const title = `Stop teaching ${this.label}?`;
    if (await ask(title, "The views that were taken are thrown away.", "Stop")) this.dialog.close();
  }

  drop() {
    if (this.label) remove("/api/lesson", { label: this.label }).catch(() => {}); // the next lesson drops it as well
    this.label = "";
    this.views = 0;
  }
}

function countOf(views) {
  if (views < ADVISED) return `View ${views + 1} of ${ADVISED}`;
  return `${views} views taken`;
}

function adviceFor(views) {
  if (views === 0) return "Lay the stone on the tray and take your hand away.";
  if (views < ADVISED) return "Turn the stone a little, and take your hand away.";
  if (views < MOST) return "That is enough. Other stones of the kind, or other sides, make it surer.";
  return "That is as many as one lesson takes.";
}

function dots(views) {
  const count = Math.max(ADVISED, views);
  return Array.from({ length: count }, (_, at) => make("li", at < views ? "taken" : ""));
}
