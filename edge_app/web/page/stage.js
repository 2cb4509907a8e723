// The stage: the live picture, the stone's outline, and its name over it.

import { byId, write } from "./dom.js";
import { capital } from "./words.js";

const INK = "#fafafa";
const GROUND = "rgba(14, 17, 19, 0.88)";
const ACCENTS = {
  name: "#7ae2a0",
  list: "#ffce6e",
  refer: "#ff968c",
  taught: "#a9c7ff",
  corrected: "#a9c7ff",
};
const WAITING = "#d5dadd";
const FONT = '"Segoe UI", Roboto, "Noto Sans", "Liberation Sans", system-ui, sans-serif';
const LIT = ["too dark", "too bright", "moved light"]; // a picture still helps to put it right
const LONGEST_SIDE_PX = 1920;

/** Draws pictures on the canvas; between them it never leaves an old one. */
export class Stage {
  constructor() {
    this.figure = byId("stage");
    this.canvas = this.figure.querySelector("canvas");
    this.pen = this.canvas.getContext("2d", { alpha: false });
    this.scale = 1;
    this.last = null;
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  /** Show a reading and its picture (an ImageBitmap or null), which is closed with the next. */
  show(reading, bitmap, said) {
    const live = reading.state === "live";
    const seen = bitmap && (live || LIT.includes(reading.state)) ? bitmap : null;
    if (bitmap && !seen) bitmap.close();
    this.keep(seen && { reading, said: live ? said : null, bitmap: seen });
    this.mark(live && seen ? "true" : "false", seen ? "dim" : "");
    byId("connection").hidden = true;
    write(byId("prompt"), live ? said.prompt : "");
    this.tell(message(reading, live, seen));
  }

  /** Nothing comes from the scanner: a dark stage that says so. */
  silence() {
    this.keep(null);
    this.mark("false", "");
    byId("connection").hidden = false;
    write(byId("prompt"), "");
    this.tell({ title: "", advice: "It connects again by itself.", note: "" });
  }

  keep(last) {
    this.last?.bitmap.close();
    this.last = last;
    this.draw();
  }

  mark(live, picture) {
    this.figure.dataset.live = live;
    this.figure.dataset.picture = picture;
  }

  tell({ title, advice, note }) {
    write(byId("stage-title"), title);
    write(byId("stage-advice"), advice);
    write(byId("stage-note"), note);
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const longest = Math.max(clientWidth, clientHeight, 1);
    this.scale = Math.min(window.devicePixelRatio || 1, LONGEST_SIDE_PX / longest);
    this.canvas.width = Math.round(clientWidth * this.scale);
    this.canvas.height = Math.round(clientHeight * this.scale);
    this.draw();
  }

  draw() {
    const { pen, canvas } = this;
    pen.fillStyle = "#07090a";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (!this.last) return;
    const { bitmap, reading, said } = this.last;
    const place = inside(bitmap, canvas);
    pen.drawImage(bitmap, place.x, place.y, place.width, place.height);
    if (!said || !reading.box) return;
    const box = onStage(reading.box, reading.frame, place);
    const named = said.label && !said.prompt; // else another stone may lie there by now
    const accent = named ? ACCENTS[said.tone] : WAITING;
    drawCorners(pen, box, place, accent, this.scale);
    if (named) drawLabel(pen, said.label, box, place, accent, this.scale);
  }
}

function message(reading, live, seen) {
  if (live) return { title: seen ? "" : "No picture", advice: "", note: "" };
  const { state, advice, note } = reading;
  return { title: capital(state), advice: capital(advice), note };
}

/** Where a picture stands on the canvas: as large as it fits, in the middle. */
function inside(picture, canvas) {
  const ratio = Math.min(canvas.width / picture.width, canvas.height / picture.height);
  const [width, height] = [picture.width * ratio, picture.height * ratio];
  return { x: (canvas.width - width) / 2, y: (canvas.height - height) / 2, width, height };
}

/** A box of the frame (x, y, side) in pixels of the canvas. */
function onStage([x, y, side], frame, place) {
  const ratio = place.width / frame.width;
  return { x: place.x + x * ratio, y: place.y + y * ratio, side: side * ratio };
}

function drawCorners(pen, box, place, colour, scale) {
  const inset = 3 * scale;
  const left = Math.max(box.x, place.x + inset);
  const top = Math.max(box.y, place.y + inset);
  const right = Math.min(box.x + box.side, place.x + place.width - inset);
  const bottom = Math.min(box.y + box.side, place.y + place.height - inset);
  const arm = Math.min(0.14 * box.side, (right - left) / 3, (bottom - top) / 3);
  const path = new Path2D();
  for (const [x, y, across, down] of [
    [left, top, arm, arm],
    [right, top, -arm, arm],
    [left, bottom, arm, -arm],
    [right, bottom, -arm, -arm],
  ]) {
    path.moveTo(x + across, y);
    path.lineTo(x, y);
    path.lineTo(x, y + down);
  }
  stroke(pen, path, "rgba(0, 0, 0, 0.55)", 5 * scale);
  stroke(pen, path, colour, 2.5 * scale);
}

function stroke(pen, path, colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  pen.stroke(path);
}

function drawLabel(pen, text, box, place, accent, scale) {
  const margin = 8 * scale;
  const size = Math.min(28 * scale, Math.max(15 * scale, 0.034 * place.width));
  const pad = 0.7 * size;
  const dot = 0.8 * size; // with the space after it
  const room = place.width - 2 * margin - 2 * pad - dot;
  const [words, fitted] = fitText(pen, text, size, room);
  const width = pen.measureText(words).width + 2 * pad + dot;
  const height = 1.9 * fitted;
  const middle = box.x + box.side / 2 - width / 2;
  const x = Math.min(Math.max(middle, place.x + margin), place.x + place.width - margin - width);
  const y = beside(box, place, height, margin);
  pen.fillStyle = GROUND;
  fillRounded(pen, x, y, width, height, height / 2);
  pen.fillStyle = accent;
  fillRounded(pen, x + pad, y + height / 2 - 0.2 * size, 0.4 * size, 0.4 * size, 0.2 * size);
  pen.fillStyle = INK;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.direction = "ltr";
  pen.fillText(words, x + pad + dot, y + height / 2 + 0.04 * fitted);
}

/** The top of a label: above the box, else below it, else inside the picture's upper edge. */
function beside(box, place, height, margin) {
  const above = box.y - height - margin;
  const below = box.y + box.side + margin;
  if (above >= place.y + margin) return above;
  if (below + height + margin <= place.y + place.height) return below;
  return place.y + margin;
}

/** A text that fits into so many pixels: smaller, and cut if that does not do. */
function fitText(pen, text, size, room) {
  const width = (words) => pen.measureText(words).width;
  pen.font = `600 ${size}px ${FONT}`;
  const fitting = Math.max(0.8 * size, Math.min(size, (size * room) / width(text)));
  pen.font = `600 ${fitting}px ${FONT}`;
  let letters = [...text];
  let words = text;
  while (letters.length > 1 && width(words) > room) {
    letters = letters.slice(0, -1);
    words = `${letters.join("").trimEnd()}…`;
  }
  return [words, fitting];
}

function fillRounded(pen, x, y, width, height, radius) {
  pen.beginPath();
  pen.moveTo(x + radius, y);
  pen.arcTo(x + width, y, x + width, y + height, radius);
  pen.arcTo(x + width, y + height, x, y + height, radius);
  pen.arcTo(x, y + height, x, y, radius);
  pen.arcTo(x, y, x + width, y, radius);
  pen.closePath();
  pen.fill();
}
