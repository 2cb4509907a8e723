// "That is not right": the operator gives a stone its name.

import { get, post } from "./api.js";
import { open } from "./dialog.js";
import { byId, make, write } from "./dom.js";
import { nameKey, searched } from "./names.js";
import { confirmDone } from "./toast.js";

/** The dialog of corrections; `onSaved()` when one was kept. */
export class CorrectDialog {
  constructor(onSaved) {
    this.onSaved = onSaved;
    this.dialog = byId("correct-dialog");
    this.filter = byId("correct-filter");
    this.names = byId("correct-names");
    this.labels = [];
    this.chosen = "";
    this.key = "";
    this.turn = 0; // counts the stones it was opened for
    this.wire();
  }

  wire() {
    this.filter.addEventListener("input", () => this.list());
    this.names.addEventListener("change", (event) => this.choose(event.target.value));
    byId("correct-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
  }

  /** Ask for the name of the stone with this key, of which the scanner said so. */
  async show(key, said) {
    this.key = key;
    this.turn += 1;
    this.filter.value = "";
    byId("correct-note").value = "";
    write(byId("correct-problem"), "");
    write(byId("correct-said"), `The scanner said: ${said}`);
    this.choose("");
    this.list();
    open(this.dialog, this.filter);
    try {
      this.labels = (await get("/api/labels")).labels;
      this.list();
    } catch (error) {
      write(byId("correct-problem"), error.message);
    }
  }

  /** The names that hold what was typed; what was typed itself where it is another name. */
  list() {
    const typed = this.filter.value.trim();
    const wanted = searched(typed);
    const fitting = this.labels.filter((label) => searched(label).includes(wanted));
    const known = this.labels.some((label) => nameKey(label) === nameKey(typed));
    const rows = fitting.map((label) => this.row(label, label));
    if (typed && !known) rows.push(this.row(typed, `Another name: ${typed}`));
    this.names.replaceChildren(...rows);
    if (typed && rows.length === 1) this.choose(rows[0].firstElementChild.value);
    else this.choose(fitting.includes(this.chosen) ? this.chosen : "");
  }

  row(label, words) {
    const radio = make("input");
    Object.assign(radio, { type: "radio", name: "correct", value: label });
    const text = make("bdi", "", words);
    text.translate = false;
    return make("label", "choice", [radio, text]);
  }

  choose(label) {
    this.chosen = label;
    for (const radio of this.names.querySelectorAll("input")) {
      radio.checked = radio.value === label;
      radio.parentElement.classList.toggle("chosen", radio.checked);
    }
    byId("correct-save").disabled = !label;
  }

  async save() {
    const { chosen: label, key, turn } = this;
    const here = () => turn === this.turn && this.dialog.open; // not opened for another stone since
    if (!label) return;
    byId("correct-save").disabled = true;
    try {
      const note = byId("correct-note").value.trim();
      await post(`/api/stones/${encodeURIComponent(key)}/correction`, { label, note });
      if (here()) this.dialog.close();
      confirmDone(`Saved: ${label}`);
      this.onSaved();
    } catch (error) {
      if (!here()) {
        confirmDone(`Not saved: ${label}. ${error.message}`);
        return;
      }
      write(byId("correct-problem"), error.message);
      byId("correct-save").disabled = false;
    }
  }
}
