// Where each node and each task is on the map.
//
//   zone = a            zone = b
//   +----+ +----+       +----+     a tile for each node, filled from below as far as
//   |    | |    |       |::::|     it is reserved; what is filled is shared out among
//   |::::| |....|       |::::|     its tasks, a cell for each
//   +----+ +----+       +----+

import { MapNode } from "./types";

/** A node with its tasks taken apart. */
export interface Placed {
  node: MapNode;
  jobs: string[];
  priorities: number[];
  /** Of each task: which of `jobs`, its index, its letter. */
  job: Uint16Array;
  index: Uint32Array;
  letter: Uint8Array;
}

export interface Tile {
  at: Placed;
  x: number;
  y: number;
}

export interface Group {
  title: string;
  x: number;
  y: number;
  tiles: Tile[];
}

export interface Layout {
  groups: Group[];
  tiles: Tile[];
  /** Width and height of a tile, without the gap to the next. */
  size: number;
  gap: number;
  height: number;
}

export const TITLE_HEIGHT = 22;
const MARGIN = 6;
const GROUP_GAP = 24;
const SIZE_MIN = 8;
const SIZE_MAX = 180;
/** Height of a node's name, in tiles large enough for one. */
export const NAME_HEIGHT = 16;
export const NAMED_FROM = 60;

/** Takes `web!5:0r,1r;api!0:3s` apart. */
export function parseTasks(node: MapNode): Placed {
  const jobs: string[] = [];
  const priorities: number[] = [];
  const job: number[] = [];
  const index: number[] = [];
  const letter: number[] = [];
  if (node.tasks)
    for (const part of node.tasks.split(";")) {
      const mark = part.indexOf("!");
      const colon = part.indexOf(":", mark);
      jobs.push(part.slice(0, mark));
      priorities.push(Number(part.slice(mark + 1, colon)));
      let number = 0;
      for (let i = colon + 1; i < part.length; ++i) {
        const c = part.charCodeAt(i);
        if (c >= 48 && c <= 57) {
          number = number * 10 + c - 48;
        } else if (c !== 44) {
          job.push(jobs.length - 1);
          index.push(number);
          letter.push(c);
          number = 0;
        }
      }
    }
  return {
    node, jobs, priorities, job: Uint16Array.from(job), index: Uint32Array.from(index), letter: Uint8Array.from(letter),
  };
}

export function taskName(x: Placed, i: number): string {
  return `${x.jobs[x.job[i]]}.${x.index[i]}`;
}

function groupsOf(nodes: Placed[], label: string): Part[] {
  if (!label) return [["", nodes]];
  const found = new Map<string, Placed[]>();
  for (const x of nodes) {
    const value = x.node.labels[label];
    const title = value === undefined ? `no ${label}` : `${label} = ${value}`;
    const group = found.get(title);
    if (group) group.push(x);
    else found.set(title, [x]);
  }
  return [...found].sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

function gapOf(size: number): number {
  return size < 14 ? 2 : size < 32 ? 4 : 8;
}

interface Blocks {
  /** Groups side by side. */
  across: number;
  /** Tiles in a row of a group. */
  perRow: number;
  step: number;
}

function blocksOf(width: number, across: number, size: number): Blocks {
  const step = size + gapOf(size);
  const own = (width - 2 * MARGIN - (across - 1) * GROUP_GAP) / across;
  return { across, perRow: Math.max(1, Math.floor((own + gapOf(size)) / step)), step };
}

type Part = [string, Placed[]];

/** Height of one group, and of all of them in their rows. */
function partHeight([title, xs]: Part, { perRow, step }: Blocks): number {
  return (title ? TITLE_HEIGHT : 0) + Math.ceil(xs.length / perRow) * step;
}

function heightOf(parts: Part[], blocks: Blocks): number {
  let result = 2 * MARGIN;
  for (let i = 0; i < parts.length; i += blocks.across)
    result += Math.max(...parts.slice(i, i + blocks.across).map((x) => partHeight(x, blocks)));
  return result;
}

/** The largest tiles that fit without scrolling, over all ways to put groups side by
 * side. */
function fit(parts: Part[], width: number, height: number): { across: number; size: number } {
  let best = { across: 1, size: SIZE_MIN };
  for (let across = 1; across <= Math.min(8, parts.length); ++across) {
    let [low, high] = [SIZE_MIN, SIZE_MAX];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (heightOf(parts, blocksOf(width, across, middle)) <= height) low = middle;
      else high = middle - 1;
    }
    if (low > best.size) best = { across, size: low };
  }
  return best;
}

/** Lays nodes out in groups, as large as fits without scrolling, times `zoom`. */
export function layOut(nodes: Placed[], label: string, width: number, height: number, zoom: number): Layout {
  const parts = groupsOf(nodes, label);
  const best = fit(parts, width, height);
  const size = Math.round(best.size * zoom);
  const blocks = blocksOf(width, best.across, size);
  const groups: Group[] = [];
  const tiles: Tile[] = [];
  const own = (width - 2 * MARGIN + GROUP_GAP) / blocks.across;
  let y = MARGIN;
  for (let i = 0; i < parts.length; i += blocks.across) {
    const row = parts.slice(i, i + blocks.across);
    row.forEach(([title, xs], column) => {
      const group: Group = { title, x: Math.round(MARGIN + column * own), y, tiles: [] };
      const top = y + (title ? TITLE_HEIGHT : 0);
      xs.forEach((at, k) => group.tiles.push({
        at, x: group.x + (k % blocks.perRow) * blocks.step, y: top + Math.floor(k / blocks.perRow) * blocks.step,
      }));
      tiles.push(...group.tiles);
      groups.push(group);
    });
    y += Math.max(...row.map((x) => partHeight(x, blocks)));
  }
  return { groups, tiles, size, gap: gapOf(size), height: y + MARGIN };
}

/** How much of a node is reserved, of what it has least of. */
export function shareOf(x: MapNode): number {
  return Math.min(1, Math.max(...[0, 1, 2].map((i) => (x.capacity[i] > 0 ? x.reserved[i] / x.capacity[i] : 0))));
}

/** Where the cells of a node are in its tile. */
export interface Cells {
  x: number;
  y: number;
  width: number;
  height: number;
  columns: number;
  /** From one cell to the next. */
  stepX: number;
  stepY: number;
}

export function cellsOf(layout: Layout, at: Placed): Cells {
  const inset = layout.size < 20 ? 1 : layout.size < 40 ? 2 : 4;
  const top = inset + (layout.size >= NAMED_FROM ? NAME_HEIGHT : 0);
  const width = layout.size - 2 * inset;
  const room = layout.size - inset - top;
  const n = Math.max(1, at.job.length);
  // Tasks that ask for little can still be seen.
  const height = Math.max(shareOf(at.node), 0.12) * room;
  const columns = Math.min(n, Math.max(1, Math.round(Math.sqrt((n * width) / height))));
  return {
    x: inset, y: top + room - height, width, height, columns,
    stepX: width / columns, stepY: height / Math.ceil(n / columns),
  };
}

/** The tile at a point, and the task in it, -1 if there is none. */
export function hit(layout: Layout, x: number, y: number): { tile: Tile; task: number } | undefined {
  for (const tile of layout.tiles) {
    if (x < tile.x || y < tile.y || x >= tile.x + layout.size || y >= tile.y + layout.size) continue;
    const cells = cellsOf(layout, tile.at);
    const column = Math.floor((x - tile.x - cells.x) / cells.stepX);
    const row = Math.floor((y - tile.y - cells.y) / cells.stepY);
    const task = row * cells.columns + column;
    const inside = column >= 0 && column < cells.columns && row >= 0 && task < tile.at.job.length;
    return { tile, task: inside ? task : -1 };
  }
  return undefined;
}
