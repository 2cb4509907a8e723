// Elements: found by id, made with text. What a user wrote only ever becomes text.

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element: its class, its text (a string) or its children (a list). */
export function make(tag, className = "", content = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (typeof content === "string") element.textContent = content;
  else element.append(...content);
  return element;
}

/** Write a text, and touch the page only if it is another one. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show a text, or hide its element when there is none. */
export function writeOrHide(element, text) {
  element.hidden = !text;
  write(element, text);
}
