import { Child, h, Node_ } from "./dom";
import { Feed } from "./live";
import * as format from "./format";
import { hit, layOut, Layout, parseTasks, Placed, taskName, Tile } from "./map_layout";
import { jobColour, Paint, paintAll, paintTile, Palette, priorityColour, readPalette, Shade } from "./map_paint";
import { badge, button, jobLink, nodeLink, nothing, pair, panel, search, shown, taskLink } from "./parts";
import { segment } from "./rest";
import { link, replace } from "./route";
import { MapView, TaskView, Why } from "./types";
import { View } from "./view";
import { why } from "./why";

const SHADES: Shade[] = ["state", "job", "priority", "use"];
const STATES: Record<string, string> = { r: "running", s: "starting", p: "placed", x: "stopping", u: "unhealthy" };

/** Every task on its node. */
export class MapPage extends View {
  private feed = this.follow<MapView>("/v1/map");
  private nodes = new Map<string, Placed>();
  private layout?: Layout;
  private palette?: Palette;
  private canvas?: HTMLCanvasElement;
  private box?: HTMLElement;
  private zoom = 1;
  private over?: { tile: Tile; task: number; x: number; y: number };
  private watcher?: ResizeObserver;
  private task?: { name: string; view: Feed<TaskView>; why: Feed<Why> };
  private labelKeys: string[] = [];
  private ranks: number[] = [];
  private onTheme = () => {
    this.palette = undefined;
    this.paint();
    this.app.redraw();
  };
  private scheme = matchMedia("(prefers-color-scheme: dark)");

  constructor(...x: ConstructorParameters<typeof View>) {
    super(...x);
    this.feed.onnews = () => this.take();
    window.addEventListener("theme", this.onTheme);
    this.scheme.addEventListener("change", this.onTheme);
    this.openTask();
  }

  title() {
    return "Map";
  }

  close() {
    this.watcher?.disconnect();
    window.removeEventListener("theme", this.onTheme);
    this.scheme.removeEventListener("change", this.onTheme);
    super.close();
  }

  protected moved() {
    this.openTask();
    this.lay();
  }

  private get shade(): Shade {
    const x = this.route.query.colour as Shade;
    return SHADES.includes(x) ? x : "state";
  }

  // -- news -------------------------------------------------------------------------

  /** Takes apart only what has changed, and paints only that if nothing moves. */
  private take() {
    const items = this.feed.value?.items;
    if (!items) return;
    const names = new Set<string>();
    const changed: Placed[] = [];
    let moved = items.length !== this.nodes.size;
    for (const x of items) {
      names.add(x.name);
      const old = this.nodes.get(x.name);
      if (old?.node === x) continue;
      const now = old && old.node.tasks === x.tasks ? { ...old, node: x } : parseTasks(x);
      moved = moved || !old || JSON.stringify(old.node.labels) !== JSON.stringify(x.labels);
      this.nodes.set(x.name, now);
      changed.push(now);
    }
    for (const name of this.nodes.keys()) if (!names.has(name)) this.nodes.delete(name);
    const ranks = this.rank();
    if (moved || !this.layout || ranks) this.lay();
    else this.repaint(changed);
  }

  /** Whether the priorities there are have changed. */
  private rank(): boolean {
    const found = new Set<number>();
    for (const x of this.nodes.values()) for (const y of x.priorities) found.add(y);
    const ranks = [...found].sort((a, b) => a - b);
    const changed = ranks.join() !== this.ranks.join();
    this.ranks = ranks;
    return changed && this.shade === "priority";
  }

  private lay() {
    const keys = new Set<string>();
    for (const x of this.nodes.values()) for (const key in x.node.labels) keys.add(key);
    this.labelKeys = [...keys].sort();
    if (!this.box || this.box.clientWidth === 0) return;
    const nodes = [...this.nodes.values()].sort((a, b) => (a.node.name < b.node.name ? -1 : 1));
    this.layout = layOut(nodes, this.route.query.group ?? "", this.box.clientWidth, this.box.clientHeight - 2, this.zoom);
    this.over = undefined;
    this.paint();
    this.app.redraw();
  }

  // -- painting ---------------------------------------------------------------------

  private context(): CanvasRenderingContext2D | undefined {
    const c = this.canvas?.getContext("2d");
    if (!c || !this.layout || !this.box) return undefined;
    this.palette ??= readPalette(this.canvas!);
    return c;
  }

  private how(): Paint {
    const { job, task, node } = this.route.query;
    return {
      layout: this.layout!, palette: this.palette!, shade: this.shade, ranks: this.ranks, job: job ?? "",
      task: task ?? "", node: node ?? this.task?.view.value?.node ?? "",
    };
  }

  private paint() {
    const c = this.context();
    if (!c) return;
    const [width, height] = [this.box!.clientWidth, this.box!.clientHeight];
    const scale = devicePixelRatio || 1;
    const canvas = this.canvas!;
    if (canvas.width !== width * scale || canvas.height !== height * scale) {
      canvas.width = width * scale;
      canvas.height = height * scale;
      canvas.style.setProperty("width", `${width}px`);
      canvas.style.setProperty("height", `${height}px`);
    }
    c.setTransform(scale, 0, 0, scale, 0, 0);
    paintAll(c, this.how(), this.box!.scrollTop, width, height);
  }

  private repaint(changed: Placed[]) {
    const c = this.context();
    if (!c) return;
    const now = new Map(changed.map((x) => [x.node.name, x]));
    const top = this.box!.scrollTop;
    const bottom = top + this.box!.clientHeight;
    const how = this.how();
    for (const tile of this.layout!.tiles) {
      const x = now.get(tile.at.node.name);
      if (!x) continue;
      tile.at = x;
      if (tile.y + this.layout!.size > top && tile.y < bottom) paintTile(c, how, tile, top);
    }
  }

  // -- choosing ---------------------------------------------------------------------

  private select(what: { task?: string; node?: string }) {
    replace(link("map", "", { ...this.route.query, task: what.task, node: what.node }));
  }

  private openTask() {
    const name = this.route.query.task ?? "";
    if (name === (this.task?.name ?? "")) return;
    if (this.task) {
      this.drop(this.task.view as never);
      this.drop(this.task.why as never);
    }
    const path = `/v1/tasks/${segment(name)}`;
    this.task = name
      ? { name, view: this.follow<TaskView>(path), why: this.follow<Why>(`${path}/why`) } : undefined;
    // To outline its node as soon as that is known.
    if (this.task) this.task.view.onnews = () => this.paint();
  }

  private at(e: MouseEvent): { tile: Tile; task: number } | undefined {
    if (!this.layout || !this.box) return undefined;
    const box = this.box.getBoundingClientRect();
    return hit(this.layout, e.clientX - box.left, e.clientY - box.top + this.box.scrollTop);
  }

  private move(e: MouseEvent) {
    const found = this.at(e);
    const box = this.box!.getBoundingClientRect();
    this.over = found && { ...found, x: e.clientX - box.left, y: e.clientY - box.top };
    this.app.redraw();
  }

  private click(e: MouseEvent) {
    const found = this.at(e);
    if (!found) return this.select({});
    if (found.task < 0) return this.select({ node: found.tile.at.node.name });
    this.select({ task: taskName(found.tile.at, found.task) });
  }

  /** Arrows go from node to node; `,` and `.` through the tasks of one. */
  private key(e: KeyboardEvent) {
    const tiles = this.layout?.tiles ?? [];
    if (tiles.length === 0) return;
    const name = this.route.query.node ?? this.task?.view.value?.node;
    const at = tiles.findIndex((x) => x.at.node.name === name);
    const aims: Record<string, [number, number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (e.key in aims) {
      e.preventDefault();
      const next = at < 0 ? tiles[0] : this.nearest(tiles[at], aims[e.key]);
      this.select({ node: next.at.node.name });
      if (next.y < this.box!.scrollTop || next.y + this.layout!.size > this.box!.scrollTop + this.box!.clientHeight)
        this.box!.scrollTop = next.y - 40;
    } else if ((e.key === "." || e.key === ",") && at >= 0) {
      const x = tiles[at].at;
      if (x.job.length === 0) return;
      const names = Array.from(x.job, (_, i) => taskName(x, i));
      const i = names.indexOf(this.route.query.task ?? "");
      this.select({ task: names[(i + (e.key === "." ? 1 : names.length - 1) + (i < 0 && e.key === "," ? 1 : 0)) % names.length] });
    } else if (e.key === "+" || e.key === "-") {
      this.zoomBy(e.key === "+" ? 1.5 : 1 / 1.5);
    } else if (e.key === "Escape") {
      this.select({});
    }
  }

  /** The tile that is next to `from` in a direction; itself if there is none. */
  private nearest(from: Tile, [dx, dy]: [number, number]): Tile {
    let best = from;
    let least = Infinity;
    for (const x of this.layout!.tiles) {
      const ahead = (x.x - from.x) * dx + (x.y - from.y) * dy;
      const aside = Math.abs((x.x - from.x) * dy) + Math.abs((x.y - from.y) * dx);
      const far = ahead + 3 * aside;
      if (ahead > 0 && far < least) [best, least] = [x, far];
    }
    return best;
  }

  private zoomBy(factor: number) {
    this.zoom = Math.max(1, Math.min(12, this.zoom * factor));
    this.lay();
  }

  // -- drawing ----------------------------------------------------------------------

  draw(): Node_ {
    const { query } = this.route;
    const choose = (name: string, label: string, values: [string, string][]) =>
      h("label", { class: "filter" }, label, h("select", {
        name, value: query[name] ?? "",
        onchange: (e: Event) => replace(link("map", "", { ...query, [name]: (e.target as HTMLSelectElement).value })),
      }, values.map(([value, text]) => h("option", { value }, text))));
    return h("div", { class: "mapview" },
      h("header", { class: "head" },
        h("h1", null, "Map"),
        h("form", { class: "filters", onsubmit: (e: Event) => e.preventDefault() },
          choose("group", "Group by", [["", "nothing"], ...this.labelKeys.map((x): [string, string] => [x, x])]),
          choose("colour", "Colour by", [["", "state"], ["job", "job"], ["priority", "priority"], ["use", "use of the node"]]),
          search(this.route, "job", "Highlight", "job"),
          h("span", { class: "actions" },
            button("−", () => this.zoomBy(1 / 1.5), "", { "aria-label": "Smaller", disabled: this.zoom <= 1 }),
            button("+", () => this.zoomBy(1.5), "", { "aria-label": "Larger" })))),
      this.legend(),
      h("div", { class: "mapbody" }, this.map(), this.side()));
  }

  private map(): Node_ {
    const hint = this.feed.value
      ? `Map of ${format.plural(this.nodes.size, "node")}. Arrow keys go from node to node, comma and full stop through its tasks. The same as a list is under Nodes.`
      : "Map";
    return h("div", {
      class: "map", tabindex: "0", role: "application", "aria-label": hint,
      mount: (box: HTMLElement) => this.mount(box), onkeydown: (e: KeyboardEvent) => this.key(e),
      onscroll: () => this.paint(), onmousemove: (e: MouseEvent) => this.move(e),
      onmouseleave: () => { this.over = undefined; this.app.redraw(); }, onclick: (e: MouseEvent) => this.click(e),
    },
      h("div", { class: "space", style: { height: `${this.layout?.height ?? 0}px` } }),
      h("div", { class: "lens" }, h("canvas", { mount: (x: HTMLElement) => { this.canvas = x as HTMLCanvasElement; } }), this.tip()),
      this.feed.value === undefined || this.feed.problem ? shown(this.feed, () => null)
        : this.nodes.size === 0 && nothing("No nodes yet", ["A machine joins by ", h("code", null, "troupe node"), "."]));
  }

  private mount(box: HTMLElement) {
    this.box = box;
    this.watcher = new ResizeObserver(() => this.lay());
    this.watcher.observe(box);
    this.take();
    this.lay();
  }

  private tip(): Child {
    const x = this.over;
    if (!x) return null;
    const { at } = x.tile;
    const right = x.x > this.box!.clientWidth - 220;
    return h("div", { class: right ? "tip left" : "tip", style: { left: `${x.x}px`, top: `${x.y}px` } },
      h("b", null, x.task < 0 ? at.node.name : taskName(at, x.task)),
      x.task >= 0 && h("p", null, STATES[String.fromCharCode(at.letter[x.task])], " on ", at.node.name),
      x.task < 0 && h("p", null, format.plural(at.job.length, "task"), at.node.state !== "ready" && `, ${at.node.state}`,
        at.node.eligibility !== "eligible" && `, ${at.node.eligibility}`));
  }

  private legend(): Node_ {
    const counts: Record<string, number> = {};
    let total = 0;
    for (const x of this.nodes.values())
      for (const letter of x.letter) {
        const key = String.fromCharCode(letter);
        counts[key] = (counts[key] ?? 0) + 1;
        ++total;
      }
    const key = (colour: string, text: Child) => h("li", { key: String(text) },
      h("i", { class: "swatch", style: { background: colour } }), text);
    const p = this.palette;
    let entries: Child[] = [];
    if (this.shade === "state")
      entries = Object.keys(STATES).filter((x) => counts[x]).map((x) =>
        h("li", { key: x }, badge(STATES[x]), " ", h("b", { class: "number" }, format.count(counts[x]))));
    else if (this.shade === "use" && p)
      entries = p.ramp.map((colour, i) => key(colour, `${i * 20} %`));
    else if (this.shade === "priority" && p)
      entries = this.ranks.slice(-12).map((x) => key(priorityColour(p, this.ranks, x), String(x)));
    else if (p) entries = this.commonJobs().map((x) => key(jobColour(p, x), x));
    return h("ul", { class: "legend maplegend", "aria-label": "Legend" },
      h("li", null, h("b", { class: "number" }, format.count(this.nodes.size)), " nodes, ",
        h("b", { class: "number" }, format.count(total)), " tasks"), entries);
  }

  /** Those with the most tasks: a legend of all would fill the page. */
  private commonJobs(): string[] {
    const counts = new Map<string, number>();
    for (const x of this.nodes.values())
      for (const job of x.job) counts.set(x.jobs[job], (counts.get(x.jobs[job]) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([name]) => name);
  }

  private side(): Child {
    const close = h("div", { class: "actions end" }, button("Close", () => this.select({})));
    if (this.task)
      return h("aside", { class: "side-panel", "aria-label": `Task ${this.task.name}` },
        panel(taskLink(this.task.name),
          shown(this.task.view, (x) => h("dl", { class: "pairs" },
            pair("State", badge(x.state)), pair("Job", jobLink(x.job)), pair("Node", nodeLink(x.node)),
            pair("Priority", x.priority), pair("Attempt", x.attempt))),
          h("h3", null, "Why it is there"), shown(this.task.why, why), close));
    const node = this.nodes.get(this.route.query.node ?? "");
    if (!node) return null;
    const x = node.node;
    return h("aside", { class: "side-panel", "aria-label": `Node ${x.name}` },
      panel(nodeLink(x.name),
        h("dl", { class: "pairs" },
          pair("State", badge(x.state), x.eligibility !== "eligible" && [" ", badge(x.eligibility)]),
          pair("CPU", `${format.figure(x.used[0])} used, ${format.figure(x.reserved[0])} reserved of ${format.figure(x.capacity[0])}`),
          pair("Memory", `${format.bytes(x.used[1])} used, ${format.bytes(x.reserved[1])} reserved of ${format.bytes(x.capacity[1])}`),
          x.capacity[2] > 0 ? pair("GPU", `${x.used[2]} used, ${x.reserved[2]} reserved of ${x.capacity[2]}`) : null),
        h("h3", null, format.plural(node.job.length, "task")),
        h("ul", { class: "tasklist" }, Array.from(node.job.slice(0, 200), (_, i) => {
          const name = taskName(node, i);
          return h("li", { key: name }, h("a", { href: link("map", "", { ...this.route.query, task: name, node: undefined }) }, name));
        })), close));
  }
}
