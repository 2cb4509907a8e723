// The button that records while it is held: by finger, by mouse, by the space bar.

import { post } from "./api.js";
import { byId } from "./dom.js";

const BEAT_MS = 300; // the camera lets go when it has heard nothing for a second

/** Tells the camera that it is held, again and again, and for which class: `chosen()` when it was
 *  pressed. `onProblem(error)` when that fails. */
export class HoldButton {
  constructor(chosen, onProblem) {
    this.button = byId("hold");
    this.chosen = chosen;
    this.label = "";
    this.onProblem = onProblem;
    this.held = false;
    this.telling = false;
    this.wire();
  }

  /** Whether there is anything to record. */
  enable(on) {
    if (!on) this.release();
    this.button.disabled = !on;
  }

  focus() {
    this.button.focus();
  }

  wire() {
    const { button } = this;
    button.addEventListener("pointerdown", (event) => this.touch(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(end, () => this.release());
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press
    button.addEventListener("click", (event) => this.tap(event));
    document.addEventListener("keydown", (event) => this.press(event));
    document.addEventListener("keyup", (event) => event.key === " " && this.release());
    document.addEventListener("visibilitychange", () => document.hidden && this.release());
    window.addEventListener("blur", () => this.release());
    window.addEventListener("pagehide", () => this.release());
  }

  touch(event) {
    if (event.button !== 0) return;
    this.button.setPointerCapture(event.pointerId);
    this.hold();
  }

  /** A click that no pointer made: a screen reader's, or Enter. It takes one picture. */
  tap(event) {
    if (event.detail !== 0) return;
    this.hold();
    this.release();
  }

  /** The space bar, unless it belongs to another control. */
  press(event) {
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey) return;
    const control = event.target.closest("input, button, a");
    if (control && control !== this.button) return;
    event.preventDefault();
    if (!event.repeat) this.hold();
  }

  hold() {
    if (this.held || this.button.disabled) return;
    this.held = true;
    this.label = this.chosen();
    this.tell();
  }

  release() {
    this.held = false;
  }

  /** One word after another, so that "let go" is the last one to arrive. */
  async tell() {
    if (this.telling) return;
    this.telling = true;
    try {
      do {
        await post("/api/capture/hold", { on: true, label: this.label });
        await this.pause();
      } while (this.held);
      await post("/api/capture/hold", { on: false });
    } catch (error) {
      this.held = false;
      this.onProblem(error);
    }
    this.telling = false;
    if (this.held) this.tell(); // pressed again while the last word was under way
  }

  /** Until the next word is due, or the button is let go. */
  async pause() {
    const until = performance.now() + BEAT_MS;
    while (this.held && performance.now() < until) {
      await new Promise((done) => setTimeout(done, 30));
    }
  }
}
