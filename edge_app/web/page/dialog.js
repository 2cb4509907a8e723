// Dialogs: how each one opens and closes, and a question with two answers.

import { byId, write } from "./dom.js";

/** Let the buttons with data-close close their dialog. */
export function wireDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    for (const button of dialog.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => closeAsked(dialog));
    }
  }
}

/** Whether any dialog is open. */
export function anyOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** Open one; a finger gets no keyboard that it has not asked for. */
export function open(dialog, field = null) {
  if (!dialog.open) dialog.showModal();
  if (field && window.matchMedia("(pointer: fine)").matches) field.focus();
  else dialog.querySelector("h2").focus();
}

/** Ask a question; gives true when the operator agrees. */
export function ask(title, more, agree) {
  const dialog = byId("ask-dialog");
  write(byId("ask-title"), title);
  write(byId("ask-more"), more);
  write(byId("ask-yes"), agree);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}

/** Close a dialog as Esc does: whoever listens to "cancel" may keep it open. */
function closeAsked(dialog) {
  if (dialog.dispatchEvent(new Event("cancel", { cancelable: true }))) dialog.close();
}
