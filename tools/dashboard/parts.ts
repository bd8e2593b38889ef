// Pieces that several views are made of.

import { Child, h, Node_ } from "./dom";
import * as format from "./format";
import { Feed } from "./live";
import { link, replace, Route } from "./route";
import { Amounts, Page, Problem } from "./types";
import { App } from "./view";

// -- states ---------------------------------------------------------------------

/** A sign for each state, so that colour is never the only difference. */
const SIGNS: Record<string, string> = {
  pending: "◌", placed: "◔", starting: "◑", running: "●", succeeded: "✓",
  failed: "✕", stopped: "■", lost: "?", cached: "↺", degraded: "▲",
  ready: "●", unhealthy: "✕", removed: "■", healthy: "✓", unknown: "?",
  eligible: "●", cordoned: "⊘", draining: "◑", drained: "○",
  waiting: "◌", reserving: "◔", broken: "✕", stopping: "◑",
};

export const TASK_STATES = [
  "running", "starting", "placed", "pending", "lost", "failed", "succeeded", "cached", "stopped",
];

export function badge(state: string, text = format.words(state)): Node_ {
  return h("span", { class: `badge s-${state}` },
    h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[state] ?? "·"), text);
}

/** A sentence as the controller writes it: what stands between `` is to be typed. */
export function prose(text: string): Child {
  return text.split("`").map((x, i) => (i % 2 === 1 ? h("code", null, x) : x));
}

/** Counts of states as one bar, with a legend that links to each of them. */
export function stateBar(counts: Record<string, number>, to?: (state: string) => string): Node_ {
  const states = TASK_STATES.filter((x) => counts[x] > 0);
  const total = states.reduce((sum, x) => sum + counts[x], 0);
  return h("div", { class: "states" },
    h("div", { class: "bar", role: "img", "aria-label": states.map((x) => `${counts[x]} ${x}`).join(", ") || "none" },
      states.map((x) => h("span", {
        key: x, class: `fill s-${x}`, title: `${format.count(counts[x])} ${x}`,
        style: { width: `${(100 * counts[x]) / total}%` },
      }))),
    h("ul", { class: "legend" }, states.map((x) => {
      const entry = [badge(x), " ", h("b", { class: "number" }, format.count(counts[x]))];
      return h("li", { key: x }, to ? h("a", { href: to(x) }, entry) : entry);
    })));
}

/** The same, for a cell of a table. */
export function smallStateBar(counts: Record<string, number>): Node_ {
  const states = TASK_STATES.filter((x) => counts[x] > 0);
  const total = states.reduce((sum, x) => sum + counts[x], 0);
  const text = states.map((x) => `${format.count(counts[x])} ${x}`).join(", ");
  return h("div", { class: "bar small", role: "img", "aria-label": text || "none", title: text },
    states.map((x) => h("span", {
      key: x, class: `fill s-${x}`, style: { width: `${(100 * counts[x]) / total}%` },
    })));
}

// -- amounts --------------------------------------------------------------------

export type Kind = "cpu" | "memory" | "gpu";
export const KINDS: Kind[] = ["cpu", "memory", "gpu"];
export const KIND_NAMES = { cpu: "CPU", memory: "Memory", gpu: "GPU" };

export function amount(kind: Kind, x: number): string {
  return kind === "memory" ? format.bytes(x) : format.figure(x);
}

function share(x: number, of: number): string {
  return `${of > 0 ? Math.min(100, (100 * x) / of) : 0}%`;
}

/** What is used, reserved and there: three lengths from the same start. */
export function meter(kind: Kind, capacity: Amounts, reserved: Amounts, used: Amounts): Node_ {
  const text = `${KIND_NAMES[kind]}: ${amount(kind, used[kind])} used, ${amount(kind, reserved[kind])} reserved, of ${amount(kind, capacity[kind])}`;
  return h("div", { class: "meter", role: "img", "aria-label": text, title: text },
    reserved[kind] > 0 && h("span", { key: "r", class: "reserved", style: { width: share(reserved[kind], capacity[kind]) } }),
    h("span", { key: "u", class: "used", style: { width: share(used[kind], capacity[kind]) } }));
}

// -- lines ----------------------------------------------------------------------

type Values = (number | null)[];

/** Points of a line over `values`, in a box of `width` by `height`; gaps stay gaps. */
function path(values: Values, length: number, width: number, height: number, close: boolean): string {
  const step = width / Math.max(1, length - 1);
  let text = "";
  let begun = -1;
  const end = (i: number) => {
    if (close && begun >= 0) text += `L${((i - 1) * step).toFixed(1)},${height}L${(begun * step).toFixed(1)},${height}Z`;
    begun = -1;
  };
  const offset = length - values.length;
  values.forEach((x, k) => {
    const i = k + offset;
    if (x === null) return end(i);
    const y = height - (Math.min(100, x) / 100) * (height - 1);
    text += `${begun < 0 ? "M" : "L"}${(i * step).toFixed(1)},${y.toFixed(1)}`;
    if (begun < 0) begun = i;
  });
  end(length);
  return text;
}

/** Reserved as a line, used as an area, in percent of the capacity over time. */
export function spark(series: { reserved: Values; used: Values } | undefined, length: number, label: string): Node_ {
  const [w, t] = [120, 28];
  const last = (x?: Values) => x?.filter((y) => y !== null).at(-1);
  const text = `${label} over time: now ${last(series?.used) ?? "–"} % used, ${last(series?.reserved) ?? "–"} % reserved`;
  return h("svg", { class: "spark", viewBox: `0 0 ${w} ${t}`, preserveAspectRatio: "none", role: "img", "aria-label": text },
    h("path", { class: "used", d: path(series?.used ?? [], length, w, t, true) }),
    h("path", { class: "reserved", d: path(series?.reserved ?? [], length, w, t, false) }));
}

export function chart(series: { reserved: Values; used: Values } | undefined, seconds: number, label: string): Node_ {
  const length = 180;
  return h("figure", { class: "chart" },
    spark(series, length, label),
    h("figcaption", null,
      h("span", null, `${format.duration(seconds * length)} ago`), h("span", null, "now")));
}

// -- times ----------------------------------------------------------------------

export function ago(app: App, time: string | null | undefined): Child {
  if (!time) return "–";
  const seconds = (app.live.now() - Date.parse(time)) / 1000;
  return h("time", { datetime: time, title: format.fullTime(time) }, format.duration(seconds));
}

// -- names ----------------------------------------------------------------------

export function nodeLink(name: string): Child {
  return name ? h("a", { class: "name", href: link("nodes", name) }, name) : "–";
}

export function taskLink(id: string): Node_ {
  return h("a", { class: "name", href: link("tasks", id) }, id);
}

export function jobLink(name: string): Node_ {
  return h("a", { class: "name", href: link("jobs", name) }, name);
}

export function labels(x: Record<string, string>): Node_ {
  return h("span", { class: "labels" }, Object.keys(x).sort().map((key) =>
    h("span", { class: "label", key }, h("i", null, key), x[key])));
}

// -- what stands where something should be --------------------------------------

export function problem(x: Problem): Node_ {
  return h("div", { class: "problem", role: "alert" },
    h("b", null, x.status ? `${x.title} (${x.status})` : x.title),
    h("p", null, x.detail),
    x.errors && h("ul", null, x.errors.map((y) =>
      h("li", null, h("code", null, y.pointer || "/"), " ", y.detail))));
}

export function nothing(title: string, text: Child): Node_ {
  return h("div", { class: "nothing" }, h("b", null, title), h("p", null, text));
}

/** Draws what `feed` follows, or says why it cannot. */
export function shown<T>(feed: Feed<T>, draw: (x: T) => Child): Node_ {
  if (feed.problem) return problem(feed.problem);
  if (feed.value === undefined)
    return h("div", { class: "loading", "aria-busy": "true" }, h("span", null), h("span", null), h("span", null));
  return h("div", { class: feed.stale ? "stale" : "" }, draw(feed.value));
}

// -- tables ---------------------------------------------------------------------

export interface Column<T> {
  name: string;
  cell: (x: T) => Child;
  class?: string;
}

export function table<T>(caption: string, columns: Column<T>[], items: T[], key: (x: T) => string, more?: (x: T) => Child): Node_ {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null,
      h("caption", { class: "hidden" }, caption),
      h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col", class: c.class }, c.name)))),
      h("tbody", null, items.map((x) => {
        const rows: Child[] = [h("tr", { key: key(x) }, columns.map((c, i) =>
          h(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : undefined, class: c.class }, c.cell(x))))];
        const below = more?.(x);
        if (below)
          rows.push(h("tr", { key: key(x) + "\n", class: "below" }, h("td", { colspan: columns.length }, below)));
        return rows;
      }))));
}

/** Moves between pages that the server cuts: the cursors of those before are part
 * of the address, so that it can be linked and gone back in. */
export function pager(route: Route, page: Page<unknown> | undefined): Node_ | null {
  const before = route.query.cursors ? route.query.cursors.split(" ") : [];
  if (before.length === 0 && !page?.nextCursor) return null;
  const at = (cursors: string[]) => link(route.view, route.name, { ...route.query, cursors: cursors.join(" ") });
  return h("nav", { class: "pager", "aria-label": "Pages" },
    before.length > 0
      ? h("a", { class: "button", href: at(before.slice(0, -1)) }, "‹ Previous")
      : h("span", { class: "button off" }, "‹ Previous"),
    h("span", { class: "number" }, `page ${before.length + 1}`),
    page?.nextCursor
      ? h("a", { class: "button", href: at([...before, page.nextCursor]) }, "Next ›")
      : h("span", { class: "button off" }, "Next ›"));
}

export function cursorOf(route: Route): string {
  return route.query.cursors?.split(" ").at(-1) ?? "";
}

// -- filters --------------------------------------------------------------------

/** Changes one part of the address, and goes to the first page. */
function refilter(route: Route, name: string, value: string): void {
  replace(link(route.view, route.name, { ...route.query, [name]: value, cursors: "" }));
}

export function choice(route: Route, name: string, label: string, values: string[]): Node_ {
  return h("label", { class: "filter" }, label,
    h("select", { name, value: route.query[name] ?? "", onchange: (e: Event) => refilter(route, name, (e.target as HTMLSelectElement).value) },
      h("option", { value: "" }, "any"),
      values.map((x) => h("option", { value: x }, format.words(x)))));
}

export function search(route: Route, name: string, label: string, hint: string): Node_ {
  return h("label", { class: "filter" }, label,
    h("input", {
      name, type: "search", placeholder: hint, value: route.query[name] ?? "", spellcheck: "false",
      autocomplete: "off",
      onchange: (e: Event) => refilter(route, name, (e.target as HTMLInputElement).value.trim()),
    }));
}

export function button(text: string, onclick: () => void, kind = "", props: Record<string, unknown> = {}): Node_ {
  return h("button", { type: "button", class: kind, onclick, ...props }, text);
}

export function panel(title: Child, ...body: Child[]): Node_ {
  return h("section", { class: "panel" }, h("h2", null, title), body);
}

export function pair(name: string, ...value: Child[]): Node_ {
  return h("div", { class: "pair" }, h("dt", null, name), h("dd", null, value));
}
