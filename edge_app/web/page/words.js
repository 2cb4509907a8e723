// What a reading says, in words: the same ones as on the scanner's own window.

const CAPTIONS = {
  name: "Looks like",
  list: "One of these",
  refer: "Not sure: ask a gemmologist",
};
const UNFAMILIAR = "Unlike every kind it knows";
const REFER_ADVICE = "Test the stone by other means.";
const NOTHING = { tone: "waiting", names: [], sure: "", more: "", bars: [], label: "", final: false };

/**
 * What the verdict panel shows of a reading.
 *
 * Gives tone (name, list, refer, taught, corrected, looking, waiting), caption, names (lines),
 * sure (how sure), more (advice), bars (candidates), label (over the stone), final.
 */
export function sayReading(reading) {
  if (reading.state !== "live") return { ...NOTHING, caption: "Waiting", names: ["No reading"] };
  if (!reading.final) return looking(reading);
  if (reading.corrected) return corrected(reading);
  if (reading.provisional) return taught(reading);
  return reading.verdict ? decided(reading) : waiting(reading);
}

/** What it shows when nothing comes from the scanner. */
export const sayNothing = { ...NOTHING, caption: "Waiting", names: ["No reading"] };

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
  const names = [capital(reading.prompt || "lay a stone on the tray")];
  return { ...NOTHING, caption: "Waiting", names };
}

function looking(reading) {
  const names = [capital(reading.prompt || "one moment")];
  return { ...NOTHING, tone: "looking", caption: "Looking", names, bars: bars(reading.verdict, 0) };
}

function decided(reading) {
  const { verdict } = reading;
  const said = { tone: verdict.kind, caption: CAPTIONS[verdict.kind], final: true };
  const more = capital(reading.prompt || reading.hint);
  return { ...said, ...WORDS[verdict.kind](verdict, more) };
}

const WORDS = {
  name(verdict, more) {
    const [first] = verdict.candidates;
    const sure = `${percent(first.confidence)} sure`;
    return { names: [first.label], sure, more, bars: bars(verdict, 1), label: first.label };
  },
  list(verdict, more) {
    const meant = verdict.candidates.slice(0, verdict.listed);
    const names = meant.map((candidate) => candidate.label);
    const together = meant.reduce((sum, candidate) => sum + candidate.confidence, 0);
    const sure = `${percent(together)} together`;
    return { names, sure, more, bars: bars(verdict, verdict.listed), label: listLabel(names) };
  },
  refer(verdict, more) {
    const advice = { names: ["Refer"], label: "Refer", more: more || REFER_ADVICE };
    if (verdict.unfamiliar) return { ...advice, caption: UNFAMILIAR, sure: "", bars: [] };
    const [first] = verdict.candidates;
    const sure = `${first.label} ${percent(first.confidence)}, the best guess`;
    return { ...advice, sure, bars: bars(verdict, 0) };
  },
};

/** A short list over the stone: two names; of more, how many. */
function listLabel(names) {
  return names.length === 2 ? either(names) : `One of ${names.length}`;
}

function taught(reading) {
  const { label, similarity } = reading.provisional;
  const sure = `${similarity.toFixed(2)} alike; the model itself says refer`;
  const more = capital(reading.prompt) || "Like a stone that was taught here. Test it by other means.";
  const said = { tone: "taught", caption: "Provisional: taught here", names: [label], final: true };
  return { ...said, sure, more, bars: [], label: `${label} (provisional)` };
}

function corrected(reading) {
  const { verdict, provisional } = reading;
  const before = provisional?.label ?? verdict?.text;
  const sure = before ? `The scanner said: ${before}` : "";
  const said = { tone: "corrected", caption: "Corrected", names: [reading.corrected], final: true };
  return { ...said, sure, more: capital(reading.prompt), bars: [], label: reading.corrected };
}

function bars(verdict, meant) {
  if (!verdict || verdict.unfamiliar) return [];
  return verdict.candidates.slice(0, 4).map((candidate, row) => ({ ...candidate, meant: row < meant }));
}
