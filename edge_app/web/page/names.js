// Names as they are compared: however they were typed.

/** Equal for names that differ in case, in blanks or in Unicode's form, as the scanner says too. */
export function nameKey(text) {
  return spaced(text.normalize("NFKC").toUpperCase().normalize("NFKC"));
}

/** For a search: without the accents of Latin, Greek and Cyrillic letters as well.
 *  In other scripts such a mark may be a vowel, and another one makes another word. */
export function searched(text) {
  const apart = text.normalize("NFKD");
  const plain = apart.replace(/([\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}])\p{Mn}+/gu, "$1");
  return spaced(plain.toUpperCase());
}

function spaced(text) {
  return text.trim().replace(/\s+/g, " ");
}
