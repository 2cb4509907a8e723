// The kinds that were taught here, and how one is forgotten.

import { get, remove } from "./api.js";
import { ask } from "./dialog.js";
import { byId, make } from "./dom.js";
import { confirmDone } from "./toast.js";

/** Fill the list of taught kinds. */
export async function showTaught() {
  const { kinds } = await get("/api/taught");
  const rows = kinds.length ? kinds.map(row) : [make("li", "empty", "Nothing yet.")];
  byId("taught").replaceChildren(...rows);
}

function row(kind) {
  const name = make("bdi", "name", kind.label);
  name.translate = false;
  const views = make("span", "small", kind.views === 1 ? "1 view" : `${kind.views} views`);
  const button = make("button", "", "Forget");
  button.type = "button";
  button.setAttribute("aria-label", `Forget ${kind.label}`);
  button.addEventListener("click", () => forget(kind.label));
  return make("li", "", [make("span", "words", [name, views]), button]);
}

async function forget(label) {
  const more = "Its views are removed. Stones of this kind are referred again.";
  if (!(await ask(`Forget ${label}?`, more, "Forget"))) return;
  try {
    await remove(`/api/taught/${encodeURIComponent(label)}`);
    confirmDone(`Forgotten: ${label}`);
    await showTaught();
  } catch (error) {
    confirmDone(error.message);
  }
}
