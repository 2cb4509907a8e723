// What the scanner is: asked at each connection, since it may be another one by then.

import { get } from "./api.js";
import { allowDevices } from "./devices.js";
import { byId, writeOrHide } from "./dom.js";
import { showNames } from "./status.js";

/** Knows the running scanner; `onNew(session)` when it has been started anew. */
export class Session {
  constructor(onNew) {
    this.onNew = onNew;
    this.start = null;
  }

  /** Ask what runs there now. A failure is asked again at the next connection. */
  async refresh() {
    const session = await get("/api/session").catch(() => null);
    if (!session) return;
    if (session.mode === "capture") {
      window.location.replace("/page/capture.html");
      return;
    }
    showNames(session);
    showRecord(session.record);
    allowDevices(session);
    if (session.start !== this.start) this.onNew(session);
    this.start = session.start;
  }
}

/** Without a record there is nothing to list, to correct or to teach. */
function showRecord({ kept, why }) {
  byId("record").hidden = !kept;
  byId("actions").hidden = !kept;
  writeOrHide(byId("not-kept"), kept ? "" : why || "Stones are not recorded.");
}
