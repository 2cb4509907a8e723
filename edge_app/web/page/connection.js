// The live socket: readings with pictures come in, "ok" goes back for each one that was drawn.

import { pair } from "./api.js";

const SILENT_MS = 2000; // the server sends at least one message a second
const GIVEN_UP_MS = 10000; // a socket that is silent for so long is replaced
const TICK_MS = 250;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
const REFUSED = 4401;

/**
 * Keep a connection to the scanner, for ever.
 *
 * onReading(reading, bitmap): bitmap is an ImageBitmap, which the callee closes, or null.
 * onSilence(): nothing has come for two seconds; told once each time.
 * onOpen(): connected, also after a pause.
 */
export class Connection {
  constructor({ onReading, onSilence, onOpen }) {
    this.onReading = onReading;
    this.onSilence = onSilence;
    this.onOpen = onOpen;
    this.pause = FIRST_PAUSE_MS;
    this.socket = null;
    this.retry = 0;
    this.beganAt = 0;
    this.heardAt = performance.now();
    this.silent = false;
  }

  /** Connect, and let go while nobody sees the page. */
  start() {
    document.addEventListener("visibilitychange", () => this.attend());
    setInterval(() => this.listen(), TICK_MS);
    this.attend();
  }

  attend() {
    if (document.hidden) {
      this.drop();
      this.hush();
    } else if (!this.socket) {
      this.pause = FIRST_PAUSE_MS;
      this.connect();
    }
  }

  connect() {
    clearTimeout(this.retry);
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}/api/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.onOpen();
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = (event) => this.closed(socket, event.code);
    this.socket = socket;
    this.beganAt = performance.now();
  }

  async receive(socket, data) {
    const { reading, jpeg } = unpack(data);
    const bitmap = await decode(jpeg);
    if (socket !== this.socket) {
      bitmap?.close();
      return;
    }
    this.heardAt = performance.now();
    this.silent = false;
    this.pause = FIRST_PAUSE_MS;
    this.onReading(reading, bitmap);
    if (socket.readyState === WebSocket.OPEN) socket.send("ok");
  }

  listen() {
    if (document.hidden) return;
    const now = performance.now();
    if (now - this.heardAt > SILENT_MS) this.hush();
    if (this.socket && now - Math.max(this.heardAt, this.beganAt) > GIVEN_UP_MS) {
      this.closed(this.socket, 0);
    }
  }

  hush() {
    if (!this.silent) this.onSilence();
    this.silent = true;
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    this.drop();
    if (code === REFUSED) {
      pair();
      return;
    }
    this.retry = setTimeout(() => this.connect(), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    clearTimeout(this.retry);
    socket?.close();
  }
}

/** Take a message apart: 4 bytes big-endian length, so much JSON, the rest a JPEG. */
export function unpack(data) {
  const length = new DataView(data).getUint32(0);
  const text = new TextDecoder().decode(new Uint8Array(data, 4, length));
  return { reading: JSON.parse(text), jpeg: new Uint8Array(data, 4 + length) };
}

async function decode(jpeg) {
  if (jpeg.length === 0) return null;
  const blob = new Blob([jpeg], { type: "image/jpeg" });
  return createImageBitmap(blob).catch(() => null);
}
