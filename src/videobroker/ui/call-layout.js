// Where tiles go: pure functions of counts and sizes.

/**
 * @typedef {object} Tile
 * @property {string} key
 * @property {boolean} isScreen
 *
 * @typedef {object} Grid
 * @property {number} perPage
 * @property {number} pages
 * @property {number} width of a tile, in CSS pixels
 * @property {number} height
 */

const GAP = 8;
const SMALLEST = { width: 140, height: 96 };
const WIDEST = 16 / 9;
const NARROWEST = { landscape: 4 / 3, portrait: 4 / 5 }; // by the orientation of the area

/**
 * The largest equal tiles for `count` people. If they would be smaller than the smallest readable size, the grid has
 * pages. A single tile fills the area.
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @returns {Grid}
 */
export function fitGrid(count, width, height) {
  if (count <= 1) return { perPage: 1, pages: 1, width: Math.floor(width), height: Math.floor(height) };
  const columns = Math.max(1, Math.floor((width + GAP) / (SMALLEST.width + GAP)));
  const rows = Math.max(1, Math.floor((height + GAP) / (SMALLEST.height + GAP)));
  const perPage = Math.min(count, columns * rows);
  const tile = largestTile(perPage, width, height);
  return { perPage, pages: Math.ceil(count / perPage), ...tile };
}

/**
 * @param {number} count
 * @param {number} width
 * @param {number} height
 */
function largestTile(count, width, height) {
  const narrowest = width > height ? NARROWEST.landscape : NARROWEST.portrait;
  let best = { width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const tile = clampAspect((width - GAP * (columns - 1)) / columns, (height - GAP * (rows - 1)) / rows, narrowest);
    if (tile.width * tile.height > best.width * best.height) best = tile;
  }
  return { width: Math.max(1, Math.floor(best.width)), height: Math.max(1, Math.floor(best.height)) };
}

/**
 * @param {number} width
 * @param {number} height
 * @param {number} narrowest
 */
function clampAspect(width, height, narrowest) {
  if (width <= 0 || height <= 0) return { width: 0, height: 0 };
  return { width: Math.min(width, height * WIDEST), height: Math.min(height, width / narrowest) };
}

/**
 * The large tile and the others. A pinned tile comes before a shared screen, and that before the speaker.
 * @param {{ tiles: Tile[], layout: "grid" | "speaker", pinned: string | null, speaker: string | null }} call
 * @returns {{ main: string | null, rest: string[] }}
 */
export function arrange({ tiles, layout, pinned, speaker }) {
  const keys = tiles.map((tile) => tile.key);
  const main = keys.length < 2 && !tiles[0]?.isScreen ? null : mainTile(tiles, keys, layout, pinned, speaker);
  return { main, rest: keys.filter((key) => key !== main) };
}

/**
 * @param {Tile[]} tiles
 * @param {string[]} keys
 * @param {"grid" | "speaker"} layout
 * @param {string | null} pinned
 * @param {string | null} speaker
 */
function mainTile(tiles, keys, layout, pinned, speaker) {
  if (pinned !== null && keys.includes(pinned)) return pinned;
  const screen = tiles.find((tile) => tile.isScreen);
  if (screen) return screen.key;
  if (layout === "grid") return null;
  return speaker !== null && keys.includes(speaker) ? speaker : keys[0];
}

/**
 * The keys on a page. The speaker takes the last place of the first page if they are on a later one.
 * @param {string[]} keys
 * @param {number} page from 0
 * @param {number} perPage
 * @param {string | null} speaker
 */
export function pageOf(keys, page, perPage, speaker = null) {
  const order = [...keys];
  const position = speaker === null ? -1 : order.indexOf(speaker);
  if (position >= perPage) {
    order.splice(position, 1);
    order.splice(perPage - 1, 0, /** @type {string} */ (speaker));
  }
  return order.slice(page * perPage, (page + 1) * perPage);
}

/**
 * The page that exists after the number of pages has changed.
 * @param {number} page
 * @param {number} pages
 */
export function clampPage(page, pages) {
  return Math.max(0, Math.min(page, pages - 1));
}

/** @typedef {"top-start" | "top-end" | "bottom-start" | "bottom-end"} Corner */

/** @type {Corner[]} */
export const CORNERS = ["bottom-end", "bottom-start", "top-start", "top-end"];

/**
 * The corner that is nearest to a point in an area.
 * @param {{ x: number, y: number }} point
 * @param {{ width: number, height: number }} area
 * @param {boolean} isRightToLeft
 * @returns {Corner}
 */
export function nearestCorner({ x, y }, { width, height }, isRightToLeft = false) {
  const isAtStart = x < width / 2 !== isRightToLeft;
  return /** @type {Corner} */ (`${y < height / 2 ? "top" : "bottom"}-${isAtStart ? "start" : "end"}`);
}

/**
 * The corner that an arrow key leads to.
 * @param {Corner} corner
 * @param {string} key
 * @param {boolean} isRightToLeft
 * @returns {Corner}
 */
export function cornerAfter(corner, key, isRightToLeft = false) {
  const [block, inline] = corner.split("-");
  if (key === "ArrowUp") return /** @type {Corner} */ (`top-${inline}`);
  if (key === "ArrowDown") return /** @type {Corner} */ (`bottom-${inline}`);
  if (key === "ArrowLeft") return /** @type {Corner} */ (`${block}-${isRightToLeft ? "end" : "start"}`);
  if (key === "ArrowRight") return /** @type {Corner} */ (`${block}-${isRightToLeft ? "start" : "end"}`);
  return corner;
}
