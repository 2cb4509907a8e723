// The camera's state, in words and for programs: on every page that has a camera.

import { byId, write } from "./dom.js";

export function showState(words, state) {
  byId("state").dataset.state = state;
  write(byId("state"), words);
}
