// The kinds that were taught here, and how one is forgotten.

import { get, remove } from "./api.js";
import { ask } from "./dialog.js";
import { byId, make } from "./dom.js";
import { forgettable } from "./forgettable.js";

/** Fill the list of taught kinds; `onForget(label)` when one shall be forgotten. */
export async function showTaught(onForget) {
  const { kinds } = await get("/api/taught");
  const rows = kinds.length ? kinds.map((kind) => row(kind, onForget)) : [make("li", "empty", "Nothing yet.")];
  byId("taught").replaceChildren(...rows);
}

/** Forget a kind, if the operator agrees; gives whether it was. */
export async function forget(label) {
  const more = "Its views are removed. Stones of this kind are referred again.";
  const agreed = await ask(`Forget ${label}?`, more, "Forget");
  if (agreed) await remove("/api/taught", { label });
  return agreed;
}

function row({ label, views }, onForget) {
  const more = views === 1 ? "1 view" : `${views} views`;
  return forgettable({ name: label, more, asked: `Forget ${label}` }, () => onForget(label));
}
