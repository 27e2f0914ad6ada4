// "Ada and 2 others are in the call": which text says who is there.

/**
 * @param {{ count: number, names: readonly string[] } | null | undefined} others
 * @returns {{ text: string, values: Record<string, string | number> } | null} null if no one is there, or if it is unknown
 */
export function othersText(others) {
  if (!others || others.count === 0) return null;
  const { count, names } = others;
  const [first, second] = names;
  if (first === undefined) return { text: count === 1 ? "others.count.one" : "others.count", values: { count } };
  if (count === 1) return { text: "others.one", values: { name: first } };
  if (count === 2 && second !== undefined) return { text: "others.two", values: { name: first, other: second } };
  if (count === 2) return { text: "others.more.one", values: { name: first } };
  return { text: "others.more", values: { name: first, count: count - 1 } };
}
