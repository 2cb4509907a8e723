// The last stones: a list to search, to go through, and to export.

import { get } from "./api.js";
import { byId, make, write, writeOrHide } from "./dom.js";
import { isCorrected, sayStone, sayTime, toneOf } from "./stone-words.js";

const PAGE = 50;
const TYPING_MS = 250;
const MINUTE_MS = 60_000;

/** The list of stones; `onChosen(stone)` when one is opened. */
export class StoneList {
  constructor(onChosen) {
    this.onChosen = onChosen;
    this.list = byId("stones");
    this.wanted = PAGE;
    this.stones = [];
    this.rows = new Map();
    this.loading = null;
    this.again = false;
    this.wire();
  }

  wire() {
    let typing = 0;
    byId("search").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.search(), TYPING_MS);
    });
    byId("more").addEventListener("click", () => {
      this.wanted = this.stones.length + PAGE;
      this.refresh();
    });
    onNewDay(() => this.refresh());
  }

  search() {
    this.wanted = PAGE;
    this.refresh();
  }

  /** Ask for the list anew; while one answer is awaited, once more after it. */
  async refresh() {
    if (byId("record").hidden) return;
    if (this.loading) {
      this.again = true;
      return;
    }
    do {
      this.again = false;
      this.loading = this.load();
      await this.loading;
      this.loading = null;
    } while (this.again);
  }

  async load() {
    const query = byId("search").value.trim();
    try {
      const { stones, more, today } = await this.pages(query);
      this.stones = stones;
      this.show(more, query);
      write(byId("today"), `today ${today}`);
    } catch (error) {
      writeOrHide(byId("no-stones"), error.message); // what is listed may not be what was asked for
    }
  }

  /** As many pages as are wanted, newest stones first. */
  async pages(query) {
    const stones = [];
    for (;;) {
      const page = await get(address(query, stones.at(-1)?.id));
      stones.push(...page.stones);
      const enough = stones.length >= this.wanted || page.stones.length === 0;
      if (!page.more || enough) return { ...page, stones };
    }
  }

  show(more, query) {
    const rows = this.stones.map((stone) => this.row(stone));
    this.rows = new Map(rows.map((row, at) => [this.stones[at].key, row]));
    const same = rows.length === this.list.children.length;
    if (!same || rows.some((row, at) => row !== this.list.children[at])) {
      this.list.replaceChildren(...rows);
    }
    byId("more").hidden = !more;
    const none = query ? `No stone fits “${query}”.` : "No stone yet: it appears here when it is lifted.";
    writeOrHide(byId("no-stones"), rows.length ? "" : none);
  }

  /** The row of a stone; the one that is there already if it still says the same. */
  row(stone) {
    const said = JSON.stringify([stone, sayTime(stone.laid_at)]); // yesterday's says its day
    const old = this.rows.get(stone.key);
    if (old?.said === said) return old;
    const row = makeRow(stone, () => this.onChosen(stone));
    row.said = said;
    return row;
  }
}

/** A page that stays open counts and dates anew after midnight. */
function onNewDay(action) {
  let day = new Date().toDateString();
  setInterval(() => {
    const today = new Date().toDateString();
    if (today !== day) action();
    day = today;
  }, MINUTE_MS);
}

function address(query, before) {
  const words = new URLSearchParams({ limit: PAGE });
  if (query) words.set("q", query);
  if (before !== undefined) words.set("before", before);
  return `/api/stones?${words}`;
}

function makeRow(stone, chosen) {
  const name = make("bdi", "name", sayStone(stone));
  name.translate = false;
  const kind = make("span", "kind", kindOf(stone));
  const words = make("span", "words", [name, make("span", "small", [time(stone), kind])]);
  const button = make("button", "", [thumbnail(stone), words]);
  button.type = "button";
  button.addEventListener("click", chosen);
  const row = make("li", "", [button]);
  row.dataset.key = stone.key;
  row.dataset.tone = toneOf(stone);
  return row;
}

function thumbnail(stone) {
  if (!stone.thumbnail) return make("span", "thumbnail");
  const image = make("img", "thumbnail");
  Object.assign(image, { loading: "lazy", decoding: "async", alt: "", width: 56, height: 56 });
  image.src = `/api/stones/${encodeURIComponent(stone.key)}/thumbnail`;
  return image;
}

function time(stone) {
  const element = make("time", "", sayTime(stone.laid_at));
  element.dateTime = stone.laid_at;
  return element;
}

function kindOf(stone) {
  if (isCorrected(stone)) return "corrected";
  return { list: "one of these", taught: "provisional" }[stone.kind] ?? "";
}
