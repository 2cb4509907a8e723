// A row of something that can be forgotten: its name, more about it, and the button.

import { make } from "./dom.js";

/** The row; `asked` is what the button says to who does not see the row. */
export function forgettable({ name, more, asked }, onForget) {
  const title = make("bdi", "name", name);
  title.translate = false;
  const button = make("button", "", "Forget");
  button.type = "button";
  button.setAttribute("aria-label", asked);
  button.addEventListener("click", onForget);
  return make("li", "", [make("span", "words", [title, make("span", "small", more)]), button]);
}
