// The page of a device that is not paired yet: one code, and on to the scanner.

const DIGITS = 6;
const NO_ANSWER = "The scanner does not answer. Check this device's network, then try again.";

const form = document.getElementById("pair");
const field = document.getElementById("code");
const button = form.querySelector("button");
const error = document.getElementById("error");

let busy = false;
let waiting = false;

function showButton() {
  button.disabled = busy || waiting || field.value.length !== DIGITS;
}

function say(sentence) {
  error.textContent = sentence;
  field.setAttribute("aria-invalid", sentence ? "true" : "false");
}

function waitFor(seconds) {
  waiting = true;
  setTimeout(() => {
    waiting = false;
    say("");
    showButton();
  }, seconds * 1000);
}

async function refuse(answer) {
  const said = await answer.json().catch(() => ({}));
  say(said.error || NO_ANSWER);
  if (answer.status === 429) {
    waitFor(Number(answer.headers.get("Retry-After")) || 60);
  }
  field.value = "";
  field.focus();
}

async function pair() {
  busy = true;
  showButton();
  say("");
  try {
    const answer = await fetch("/api/pair", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: field.value }),
    });
    if (answer.ok) {
      location.replace("/");
      return;
    }
    await refuse(answer);
  } catch {
    say(NO_ANSWER);
  }
  busy = false;
  showButton();
}

// A link from another site comes without the cookie, even on a device that is paired.
async function leaveIfPaired() {
  const answer = await fetch("/api/session").catch(() => null);
  if (answer?.ok) {
    location.replace("/");
  }
}

field.addEventListener("input", () => {
  field.value = field.value.replace(/\D/g, "").slice(0, DIGITS);
  showButton();
  if (!button.disabled) {
    pair();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!button.disabled) {
    pair();
  }
});

showButton();
leaveIfPaired();
