// The moves of a plan as bands from nodes to nodes, each as thick as it has tasks.

import { h, Node_ } from "./dom";
import { plural } from "./format";

export interface Move {
  task: string;
  /** Null for one that waits or is new. */
  from: string | null;
  to: string;
}

const ROWS_MAX = 14;
const WIDTH = 720;
const BAR = 10;
const GAP = 6;
const NOWHERE = "waits, or is new";

interface Row {
  name: string;
  tasks: number;
  y: number;
  height: number;
  /** How much of it has bands already. */
  taken: number;
}

/** The largest by name, and one for all others. */
function rowsOf(counts: Map<string, number>, scale: (n: number) => number): Map<string, Row> {
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const shown = sorted.slice(0, sorted.length > ROWS_MAX ? ROWS_MAX - 1 : ROWS_MAX);
  const rest = sorted.slice(shown.length);
  const rows = new Map<string, Row>();
  let y = 4;
  const add = (name: string, tasks: number) => {
    const row = { name, tasks, y, height: scale(tasks), taken: 0 };
    y += row.height + GAP;
    return row;
  };
  for (const [name, n] of shown) rows.set(name, add(name, n));
  if (rest.length > 0) {
    const others = add(plural(rest.length, "other node"), rest.reduce((sum, x) => sum + x[1], 0));
    for (const [name] of rest) rows.set(name, others);
  }
  return rows;
}

export function flow(moves: Move[]): Node_ {
  const from = new Map<string, number>();
  const to = new Map<string, number>();
  for (const x of moves) {
    const start = x.from ?? NOWHERE;
    from.set(start, (from.get(start) ?? 0) + 1);
    to.set(x.to, (to.get(x.to) ?? 0) + 1);
  }
  // Thick enough for their names, and all together on one screen.
  const scale = (n: number) => Math.max(16, (n / moves.length) * 260);
  const left = rowsOf(from, scale);
  const right = rowsOf(to, scale);
  const bands = new Map<string, { a: Row; b: Row; n: number }>();
  for (const x of moves) {
    const [a, b] = [left.get(x.from ?? NOWHERE)!, right.get(x.to)!];
    const key = `${a.name}\n${b.name}`;
    const band = bands.get(key);
    if (band) ++band.n;
    else bands.set(key, { a, b, n: 1 });
  }
  const rows = [...new Set([...left.values(), ...right.values()])];
  const height = Math.max(...rows.map((x) => x.y + x.height)) + 4;
  const [x1, x2] = [200, WIDTH - 200];
  const bandPath = ({ a, b, n }: { a: Row; b: Row; n: number }) => {
    const [ha, hb] = [(a.height * n) / a.tasks, (b.height * n) / b.tasks];
    const [ya, yb] = [a.y + a.taken, b.y + b.taken];
    a.taken += ha;
    b.taken += hb;
    const middle = (x1 + BAR + x2) / 2;
    return `M${x1 + BAR},${ya}C${middle},${ya} ${middle},${yb} ${x2},${yb}V${yb + hb}C${middle},${yb + hb} ${middle},${ya + ha} ${x1 + BAR},${ya + ha}Z`;
  };
  const label = (row: Row, side: "from" | "to") => [
    h("rect", { class: side, x: side === "from" ? x1 : x2, y: row.y, width: BAR, height: row.height }),
    h("text", { x: side === "from" ? x1 - 8 : x2 + BAR + 8, y: row.y + row.height / 2, "text-anchor": side === "from" ? "end" : "start" },
      `${row.name} · ${row.tasks}`),
  ];
  return h("svg", { class: "flow", viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, role: "img", "aria-label": `${plural(moves.length, "task")} from ${plural(from.size, "place")} to ${plural(to.size, "node")}; the table below names each` },
    [...bands.values()].map((x) => h("path", { class: x.a.name === NOWHERE ? "band new" : "band", d: bandPath(x) })),
    [...new Set(left.values())].map((x) => label(x, "from")),
    [...new Set(right.values())].map((x) => label(x, "to")));
}
