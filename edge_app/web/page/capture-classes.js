// The classes: how many pictures each has, which one is chosen, and one more.

import { post } from "./api.js";
import { byId, make, write } from "./dom.js";
import { sayBalance } from "./capture-words.js";
import { nameKey, searched } from "./names.js";

let classes = [];
let onChosen;
let onProblem;

/** Let classes be chosen and added: `chosen(capture)` and `problem(error)` say how it went. */
export function wireClasses(chosen, problem) {
  onChosen = chosen;
  onProblem = problem;
  byId("label").addEventListener("input", filter);
  byId("add-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (byId("label").value.trim()) choose(byId("label").value);
  });
}

/** Show them; a row stays the same element as long as its class is there. */
export function showClasses(capture) {
  ({ classes } = capture);
  const list = byId("class-list");
  const rows = new Map([...list.children].map((row) => [row.dataset.label, row]));
  const most = Math.max(1, ...classes.map(({ count }) => count));
  classes.forEach((each, at) => {
    const row = rows.get(each.label) ?? newRow(each.label);
    rows.delete(each.label);
    if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null);
    fill(row.firstElementChild, each, most, capture.chosen);
  });
  for (const row of rows.values()) row.remove();
  write(byId("folder"), capture.folder);
  write(byId("balance"), sayBalance(classes));
  filter();
}

function newRow(label) {
  const name = make("bdi", "name", label);
  name.translate = false;
  const track = make("span", "track", [make("span")]);
  const button = make("button", "", [name, make("span", "count"), track]);
  button.type = "button";
  button.addEventListener("click", () => choose(label));
  const row = make("li", "", [button]);
  row.dataset.label = label;
  return row;
}

function fill(button, { label, count }, most, chosen) {
  const [, number, track] = button.children;
  write(number, String(count));
  track.firstElementChild.style.transform = `scaleX(${count / most})`;
  button.setAttribute("aria-pressed", String(label === chosen));
  button.title = label;
}

/** Show what fits the words in the field; the button says what it would do. */
function filter() {
  const typed = byId("label").value;
  const wanted = searched(typed);
  for (const row of byId("class-list").children) {
    row.hidden = !searched(row.dataset.label).includes(wanted);
  }
  const known = classes.some(({ label }) => nameKey(label) === nameKey(typed));
  byId("add").disabled = !wanted;
  write(byId("add"), known ? "Choose" : "Add");
}

async function choose(label) {
  try {
    const capture = await post("/api/capture/class", { label });
    byId("label").value = "";
    onChosen(capture);
  } catch (error) {
    onProblem(error);
  }
}
