// What a tile shows of a person without a camera.

const HUES = 6;

/**
 * The first letters of the first and the last word: "Ada King" is "AK". "?" if there is no letter.
 * @param {string} name
 * @param {string} [locale]
 */
export function initials(name, locale) {
  const words = name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return chosen.map((word) => [...(word ?? "")][0] ?? "").join("").toLocaleUpperCase(locale) || "?";
}

/**
 * A stable number from 0 to 5 for `data-hue` of an avatar.
 * @param {string} name
 */
export function hueOf(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return sum % HUES;
}
