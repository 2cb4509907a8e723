// Requests to the scanner: JSON there and back, and one sentence when something is wrong.

const NO_CONNECTION = "No connection to the scanner. Nothing was saved.";

/** Leave for the page where this device is paired. */
export function pair() {
  window.location.assign("/pair");
}

/** Get a path; gives what came back. */
export function get(path) {
  return request(path, { cache: "no-store" });
}

/** Post something as JSON; gives what came back, or null. */
export function post(path, body = {}) {
  return request(path, withBody("POST", body));
}

/** Delete what lies at a path, or what is said of it as JSON. */
export function remove(path, body = {}) {
  return request(path, withBody("DELETE", body));
}

function withBody(method, body) {
  const headers = { "Content-Type": "application/json" };
  return { method, headers, body: JSON.stringify(body) };
}

async function request(path, options) {
  const answer = await fetch(path, { credentials: "same-origin", ...options }).catch(() => {
    throw new Error(NO_CONNECTION);
  });
  if (answer.status === 401) pair();
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(said?.error || `The scanner refused it (${answer.status}).`);
  return said;
}
