// Draws the map on its canvas. Colours come from the style sheet, so that they are
// those of the badges, in the light and in the dark.

import { cellsOf, Layout, NAMED_FROM, NAME_HEIGHT, Placed, taskName, Tile, TITLE_HEIGHT } from "./map_layout";

export type Shade = "state" | "job" | "priority" | "use";

const LETTERS: Record<string, string> = {
  r: "running", s: "starting", p: "placed", x: "stopping", u: "unhealthy",
};

export interface Palette {
  states: Map<number, string>;
  jobs: string[];
  ramp: string[];
  panel: string;
  tile: string;
  edge: string;
  reserved: string;
  text: string;
  quiet: string;
  bad: string;
  warn: string;
  focus: string;
  font: string;
}

/** The colours of the page as they are now. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const states = new Map<number, string>();
  for (const letter in LETTERS) states.set(letter.charCodeAt(0), of(`s-${LETTERS[letter]}`));
  return {
    states,
    jobs: Array.from({ length: 12 }, (_, i) => of(`job-${i}`)),
    ramp: Array.from({ length: 6 }, (_, i) => of(`ramp-${i}`)),
    panel: of("panel"), tile: of("tile"), edge: of("edge"), reserved: of("tile-reserved"), text: of("text"), quiet: of("quiet"),
    bad: of("s-failed"), warn: of("s-pending"), focus: of("focus"), font: style.fontFamily,
  };
}

function hash(x: string): number {
  let result = 2166136261;
  for (let i = 0; i < x.length; ++i) result = Math.imul(result ^ x.charCodeAt(i), 16777619);
  return result >>> 0;
}

export function jobColour(palette: Palette, job: string): string {
  return palette.jobs[hash(job) % palette.jobs.length];
}

/** Of ranks of priorities, lowest first, evenly over the ramp. */
export function priorityColour(palette: Palette, ranks: number[], priority: number): string {
  const at = ranks.indexOf(priority);
  const last = palette.ramp.length - 1;
  return palette.ramp[ranks.length < 2 ? 2 : Math.round((at * last) / (ranks.length - 1))];
}

export function useOf(x: Placed): number {
  const shares = [0, 1, 2].map((i) => (x.node.capacity[i] > 0 ? x.node.used[i] / x.node.capacity[i] : 0));
  return Math.max(...shares);
}

export function useColour(palette: Palette, share: number): string {
  const last = palette.ramp.length - 1;
  return palette.ramp[Math.max(0, Math.min(last, Math.round(share * last)))];
}

export interface Paint {
  layout: Layout;
  palette: Palette;
  shade: Shade;
  /** Lowest first. */
  ranks: number[];
  /** If given, tasks of other jobs are faint. */
  job: string;
  /** Names of what is selected and focused. */
  task: string;
  node: string;
}

function colourOf(paint: Paint, x: Placed, i: number): string {
  const { palette } = paint;
  switch (paint.shade) {
    case "state":
      return palette.states.get(x.letter[i]) ?? palette.quiet;
    case "job":
      return jobColour(palette, x.jobs[x.job[i]]);
    case "priority":
      return priorityColour(palette, paint.ranks, x.priorities[x.job[i]]);
    case "use":
      return useColour(palette, useOf(x));
  }
}

function shorten(c: CanvasRenderingContext2D, text: string, width: number): string {
  if (c.measureText(text).width <= width) return text;
  while (text.length > 1 && c.measureText(text + "…").width > width) text = text.slice(0, -1);
  return text + "…";
}

export function paintTile(c: CanvasRenderingContext2D, paint: Paint, tile: Tile, top: number): void {
  const { layout, palette } = paint;
  const { at } = tile;
  const [x, y, size] = [tile.x, tile.y - top, layout.size];
  c.clearRect(x - 2, y - 2, size + 4, size + 4);
  c.fillStyle = palette.tile;
  c.fillRect(x, y, size, size);
  if (size >= NAMED_FROM) {
    c.font = `500 11px ${palette.font}`;
    c.textBaseline = "middle";
    c.fillStyle = palette.text;
    c.fillText(shorten(c, at.node.name, size - 8), x + 5, y + 2 + NAME_HEIGHT / 2);
  }
  const cells = cellsOf(layout, at);
  if (at.job.length > 0) {
    c.fillStyle = palette.reserved;
    c.fillRect(x + cells.x, y + cells.y, cells.width, cells.height);
  }
  // A line between cells, as far as there is room for one.
  const side = (step: number) => (step < 3 ? step : step < 10 ? step - 1 : step - 2);
  const [w, t] = [side(cells.stepX), side(cells.stepY)];
  let colour = "";
  let chosen: [number, number] | undefined;
  for (let i = 0; i < at.job.length; ++i) {
    const now = colourOf(paint, at, i);
    if (now !== colour) c.fillStyle = colour = now;
    const faint = paint.job !== "" && at.jobs[at.job[i]] !== paint.job;
    if (faint) c.globalAlpha = 0.12;
    const [left, top_] = [x + cells.x + (i % cells.columns) * cells.stepX, y + cells.y + Math.floor(i / cells.columns) * cells.stepY];
    c.fillRect(left, top_, w, t);
    if (paint.task && taskName(at, i) === paint.task) chosen = [left, top_];
    if (w >= 56 && t >= 16) {
      c.fillStyle = palette.panel;
      c.fillText(shorten(c, taskName(at, i), w - 8), left + 4, top_ + t / 2);
      c.fillStyle = colour;
    }
    if (faint) c.globalAlpha = 1;
  }
  paintEdge(c, paint, tile, y);
  if (chosen) {
    c.lineWidth = 2;
    c.strokeStyle = palette.text;
    c.strokeRect(chosen[0], chosen[1], Math.max(w, 3), Math.max(t, 3));
  }
}

function paintEdge(c: CanvasRenderingContext2D, paint: Paint, tile: Tile, y: number): void {
  const { layout, palette } = paint;
  const { node } = tile.at;
  const bad = node.state !== "ready";
  const closed = node.eligibility !== "eligible";
  const chosen = node.name === paint.node;
  c.lineWidth = chosen ? 2 : bad || closed ? 1.5 : 1;
  c.strokeStyle = chosen ? palette.focus : bad ? palette.bad : closed ? palette.warn : palette.edge;
  c.setLineDash(closed && !chosen ? [3, 2] : []);
  c.strokeRect(tile.x + 0.5, y + 0.5, layout.size - 1, layout.size - 1);
  c.setLineDash([]);
  if (bad) {
    c.beginPath();
    c.moveTo(tile.x, y);
    c.lineTo(tile.x + layout.size, y + layout.size);
    c.moveTo(tile.x + layout.size, y);
    c.lineTo(tile.x, y + layout.size);
    c.stroke();
  }
}

/** Draws what is between `top` and `top + height`. */
export function paintAll(c: CanvasRenderingContext2D, paint: Paint, top: number, width: number, height: number): void {
  const { layout, palette } = paint;
  c.clearRect(0, 0, width, height);
  c.font = `600 12px ${palette.font}`;
  c.textBaseline = "middle";
  for (const group of layout.groups) {
    if (group.title && group.y + TITLE_HEIGHT > top && group.y < top + height) {
      c.fillStyle = palette.text;
      c.fillText(group.title, group.x, group.y - top + TITLE_HEIGHT / 2);
      const w = c.measureText(group.title).width;
      c.fillStyle = palette.quiet;
      c.fillText(`${group.tiles.length} node${group.tiles.length === 1 ? "" : "s"}`, group.x + w + 8, group.y - top + TITLE_HEIGHT / 2);
    }
    for (const tile of group.tiles)
      if (tile.y + layout.size > top && tile.y < top + height) paintTile(c, paint, tile, top);
  }
}
