// Words as large as their box takes.

const SMALLEST_PX = 16;

const WORTH_A_BREAK = 0.6; // lines stay whole unless breaking them makes the words so much larger

/** Set the font size of `text` so that `box`, in which it stands, does not overflow. */
export function fit(text, box, largestPx) {
  const largest = Math.max(SMALLEST_PX, Math.floor(largestPx));
  const whole = largestThatFits(text, box, largest, "whole");
  const broken = whole < largest ? largestThatFits(text, box, largest, "broken") : whole;
  const better = whole >= WORTH_A_BREAK * broken;
  text.dataset.lines = better && whole > SMALLEST_PX ? "whole" : "any";
  text.style.fontSize = `${better ? whole : broken}px`;
}

/** "whole": no line is broken; "broken": between words alone. */
function largestThatFits(text, box, largest, lines) {
  let low = SMALLEST_PX;
  let high = largest;
  text.dataset.lines = lines;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    text.style.fontSize = `${middle}px`;
    if (overflows(text, box)) high = middle - 1;
    else low = middle;
  }
  return low;
}

function overflows(text, box) {
  return box.scrollHeight > box.clientHeight || text.scrollWidth > text.clientWidth;
}
