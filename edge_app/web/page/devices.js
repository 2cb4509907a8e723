// The devices that were paired: how one more is, and how one is forgotten. On the scanner itself.

import { get, remove } from "./api.js";
import { ask, open } from "./dialog.js";
import { byId, make, write } from "./dom.js";
import { forgettable } from "./forgettable.js";
import { sayTime } from "./stone-words.js";

const RENEWED_MS = 2000; // a code serves one device, and a wrong one too often ends it

/** Let its button open the dialog. */
export function wireDevices() {
  byId("devices-open").addEventListener("click", () => {
    byId("help-dialog").close();
    open(byId("devices-dialog"));
    attempt(show);
  });
  setInterval(() => byId("devices-dialog").open && renewCode(), RENEWED_MS);
}

/** A page that is shown elsewhere, or where no other device is let in, has no such button. */
export function allowDevices({ here, network }) {
  byId("devices-open").parentElement.hidden = !(here && network);
}

async function show() {
  const [pairing, { devices }] = await Promise.all([get("/api/pairing"), get("/api/devices")]);
  showCode(pairing);
  const rows = devices.length ? devices.map(row) : [make("li", "empty", "None yet.")];
  byId("devices").replaceChildren(...rows);
}

function showCode({ code, urls }) {
  write(byId("devices-where"), urls[0] ?? "");
  write(byId("devices-code"), `${code.slice(0, 3)} ${code.slice(3)}`);
}

/** The code alone: the list keeps its focus. */
async function renewCode() {
  const pairing = await get("/api/pairing").catch(() => null);
  if (pairing) showCode(pairing);
}

function row(device) {
  const { name, address } = device;
  const more = `${address}, seen ${sayTime(device.seen_at)}, paired ${sayTime(device.paired_at)}`;
  const asked = `Forget ${name} at ${address}, seen ${sayTime(device.seen_at)}`;
  return forgettable({ name, more, asked }, () => attempt(() => forget(device)));
}

async function forget({ id, name }) {
  const more = "It sees nothing of this scanner any more, until it is paired again.";
  if (!(await ask(`Forget ${name}?`, more, "Forget"))) return;
  await remove("/api/devices", { id });
  await show();
  byId("devices-title").focus(); // the button is gone
}

async function attempt(action) {
  write(byId("devices-problem"), "");
  try {
    await action();
  } catch (error) {
    write(byId("devices-problem"), error.message);
  }
}
