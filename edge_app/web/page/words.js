// What a reading says, in words: the same ones as on the scanner's own window.

const ELSEWHERE = "Test the stone by other means.";
const NOTHING = {
  ...{ tone: "waiting", caption: "Waiting", names: ["No reading"], sure: "", more: "" },
  ...{ prompt: "", bars: [], label: "", final: false },
};

/**
 * What the verdict panel shows of a reading.
 *
 * Gives tone (name, list, refer, taught, corrected, looking, waiting), caption, names (lines),
 * sure (how sure), more (advice), prompt (what to do now), bars (candidates), label (over the
 * stone), final, lifted (it is of the stone that was there before).
 */
export function sayReading(reading) {
  if (reading.state !== "live") return NOTHING;
  if (!reading.verdict) return waiting(reading);
  if (!reading.final) return looking(reading);
  const said = { ...NOTHING, final: true, prompt: capital(reading.prompt), ...decided(reading) };
  return reading.lifted ? { ...said, caption: "The last stone", lifted: true } : said;
}

/** What it shows when nothing comes from the scanner. */
export const sayNothing = NOTHING;

/** What it called the stone itself, whatever the operator says. */
export function sayScanner({ provisional, verdict }) {
  return provisional?.label ?? capital(verdict.text);
}

/** 0.97 as "97%". */
export function percent(confidence) {
  return confidence >= 0.005 ? `${Math.round(100 * confidence)}%` : "<1%";
}

/** A first letter that is a capital. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Names as one line: "Pyrope or Almandine". */
export function either(names) {
  return names.join(" or ");
}

function waiting(reading) {
  if (!reading.prompt && !reading.final) return looking(reading);
  return { ...NOTHING, names: [capital(reading.prompt || "lay a stone on the tray")] };
}

function looking(reading) {
  const names = [capital(reading.prompt || "one moment")];
  return { ...NOTHING, tone: "looking", caption: "Looking", names, bars: bars(reading.verdict, 0) };
}

function decided(reading) {
  if (reading.corrected) return corrected(reading);
  if (reading.provisional) return taught(reading.provisional);
  return { name, list, refer }[reading.verdict.kind](reading);
}

function name({ verdict }) {
  const [first] = verdict.candidates;
  const sure = `${percent(first.confidence)} sure`;
  const words = { tone: "name", caption: "Looks like", names: [first.label], sure };
  return { ...words, bars: bars(verdict, 1), label: first.label };
}

function list({ verdict, hint }) {
  const meant = verdict.candidates.slice(0, verdict.listed);
  const names = meant.map((candidate) => candidate.label);
  const together = meant.reduce((sum, candidate) => sum + candidate.confidence, 0);
  const sure = `${percent(together)} together`;
  const words = { tone: "list", caption: "One of these", names, sure, more: capital(hint) };
  return { ...words, bars: bars(verdict, verdict.listed), label: listLabel(names) };
}

/** A short list over the stone: two names; of more, how many. */
function listLabel(names) {
  return names.length === 2 ? either(names) : `One of ${names.length}`;
}

function refer({ verdict }) {
  const words = { tone: "refer", names: ["Refer"], more: ELSEWHERE, label: "Refer" };
  if (verdict.unfamiliar) return { ...words, caption: "Unlike every kind it knows" };
  const [first] = verdict.candidates;
  const sure = `${first.label} ${percent(first.confidence)}, the best guess`;
  return { ...words, caption: "Not sure: ask a gemmologist", sure, bars: bars(verdict, 0) };
}

function taught({ label, similarity }) {
  const sure = `${similarity.toFixed(2)} alike; the model itself gives no name`;
  const words = { tone: "taught", caption: "Provisional: taught here", names: [label], sure };
  return { ...words, more: ELSEWHERE, label: `${label} (provisional)` };
}

function corrected(reading) {
  const { corrected: label } = reading;
  const sure = `The scanner said: ${sayScanner(reading)}`;
  return { tone: "corrected", caption: "Corrected", names: [label], sure, label };
}

function bars(verdict, meant) {
  if (!verdict || verdict.unfamiliar) return [];
  return verdict.candidates.slice(0, 4).map((candidate, row) => ({ ...candidate, meant: row < meant }));
}
