import { Child, draw, h, Node_ } from "./dom";
import { EventsView } from "./events";
import { timeOfDay } from "./format";
import { GangsView } from "./gangs";
import { JobPage, JobsView } from "./jobs";
import { Feed, Live } from "./live";
import { MapPage } from "./map";
import { NodePage, NodesView } from "./nodes";
import { Overview } from "./overview";
import { button, problem } from "./parts";
import { PlanView } from "./plan";
import { QueueViewPage } from "./queue";
import { call, Refused, segment } from "./rest";
import { go, link, parse, Route } from "./route";
import { SubmitView } from "./submit";
import { TaskPage, TasksView } from "./tasks";
import { Cluster, Problem } from "./types";
import { App, Dialog, View } from "./view";

type Maker = new (app: App, route: Route) => View;

/** Views by the first word of the address: of a list, and of one thing. */
const VIEWS: Record<string, { title: string; key: string; list: Maker; one?: Maker }> = {
  overview: { title: "Overview", key: "o", list: Overview },
  nodes: { title: "Nodes", key: "n", list: NodesView, one: NodePage },
  map: { title: "Map", key: "m", list: MapPage },
  jobs: { title: "Jobs", key: "j", list: JobsView, one: JobPage },
  tasks: { title: "Tasks", key: "t", list: TasksView, one: TaskPage },
  queue: { title: "Queue", key: "q", list: QueueViewPage },
  gangs: { title: "Gangs", key: "g", list: GangsView },
  events: { title: "Events", key: "e", list: EventsView },
  plan: { title: "Plan", key: "p", list: PlanView },
  submit: { title: "Submit", key: "s", list: SubmitView },
};

class Dashboard implements App {
  live = new Live();
  private view!: View;
  private route!: Route;
  private drawn?: Node_;
  private scheduled = false;
  /** Whether a reader is to be taken to the new page. */
  private arrived = false;
  private cluster!: Feed<Cluster>;
  private said: { text: string; kind: string } | null = null;
  private sayTimer = 0;
  private dialog: (Dialog & { problem?: Problem; busy?: boolean; values: Record<string, string> }) | null = null;
  private keys = "";
  private keysEnd = 0;
  private helping = false;
  private lacking = new Set<string>();

  start() {
    this.live.onchange = () => this.redraw();
    this.live.start();
    this.cluster = this.live.follow<Cluster>("/v1/cluster");
    window.addEventListener("hashchange", () => this.move());
    document.addEventListener("keydown", (e) => this.key(e));
    this.move();
    // Ages grow without news.
    setInterval(() => {
      if (!document.hidden) this.redraw();
    }, 1000);
  }

  // -- what views ask of the page -------------------------------------------------

  redraw() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      const now = this.whole();
      draw(document.getElementById("app")!, this.drawn, now);
      this.drawn = now;
      if (this.arrived) document.getElementById("main")!.focus({ preventScroll: true });
      this.arrived = false;
      document.title = `${this.view.title()} · Troupe`;
    });
  }

  say(text: string, kind: "done" | "bad" = "done") {
    this.said = { text, kind };
    clearTimeout(this.sayTimer);
    this.sayTimer = window.setTimeout(() => {
      this.said = null;
      this.redraw();
    }, 6000);
    this.redraw();
  }

  ask(dialog: Dialog) {
    const values = Object.fromEntries((dialog.fields ?? []).map((x) => [x.name, x.value]));
    this.dialog = { ...dialog, values };
    this.redraw();
  }

  lacks(what: string) {
    return this.lacking.has(what);
  }

  noteLack(what: string) {
    this.lacking.add(what);
    this.redraw();
  }

  // -- moving -----------------------------------------------------------------------

  private move() {
    const route = parse(location.hash);
    if (!VIEWS[route.view]) route.view = "overview";
    const same = this.route && this.route.view === route.view && this.route.name === route.name;
    this.route = route;
    if (same) {
      this.view.go(route);
    } else {
      this.view?.close();
      const found = VIEWS[route.view];
      this.view = new (route.name && found.one ? found.one : found.list)(this, route);
      // A new page begins at its top, for eyes and for screen readers.
      window.scrollTo(0, 0);
      this.arrived = this.drawn !== undefined;
    }
    this.redraw();
  }

  private key(e: KeyboardEvent) {
    const target = e.target as HTMLElement;
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
    if (e.ctrlKey || e.metaKey || e.altKey || this.dialog) return;
    if (e.key === "Escape" && typing) return target.blur();
    if (typing) return;
    const chord = this.keys + e.key;
    this.keys = "";
    // An earlier one's time must not end this one.
    clearTimeout(this.keysEnd);
    if (chord === "g") {
      this.keys = "g";
      this.keysEnd = window.setTimeout(() => (this.keys = ""), 1500);
    } else if (chord.length === 2) {
      const found = Object.keys(VIEWS).find((x) => VIEWS[x].key === chord[1]);
      if (found) go(link(found));
    } else if (chord === "/") {
      e.preventDefault();
      (document.querySelector(".filters input") as HTMLElement ?? document.getElementById("goto")!).focus();
    } else if (chord === "?") {
      this.helping = true;
      this.redraw();
    }
  }

  /** Opens what is called `name`, whatever it is. */
  private async goTo(name: string) {
    const tries: [string, string][] = [["jobs", "jobs"], ["nodes", "nodes"]];
    if (/\.\d+$/.test(name)) tries.unshift(["tasks", "tasks"]);
    for (const [view, list] of tries)
      try {
        await call("GET", `/v1/${list}/${segment(name)}`);
        return go(link(view, name));
      } catch (x) {
        if (!(x instanceof Refused) || x.problem.status !== 404)
          return this.say(x instanceof Refused ? x.problem.detail : String(x), "bad");
      }
    this.say(`There is no job, task or node called ${name}`, "bad");
  }

  // -- drawing ----------------------------------------------------------------------

  private whole(): Node_ {
    return h("div", { class: "page" },
      h("a", { class: "skip", href: "#main", onclick: (e: Event) => { e.preventDefault(); document.getElementById("main")!.focus(); } }, "Skip to the content"),
      this.sidebar(),
      h("div", { class: "body" },
        this.banner(),
        h("main", { id: "main", tabindex: "-1", key: this.route.view + "/" + this.route.name }, this.view.draw())),
      h("div", { class: "said", "aria-live": "polite" },
        this.said && h("p", { class: this.said.kind }, this.said.text)),
      this.dialog && this.drawDialog(),
      this.helping && this.drawHelp());
  }

  private sidebar(): Node_ {
    const waiting = this.cluster.value?.tasks.pending ?? 0;
    return h("nav", { class: "side", "aria-label": "Views" },
      h("a", { class: "logo", href: link("overview") }, "Troupe"),
      h("form", { onsubmit: (e: Event) => {
        e.preventDefault();
        const input = (e.target as HTMLFormElement).elements[0] as HTMLInputElement;
        if (input.value.trim()) this.goTo(input.value.trim());
        input.value = "";
        input.blur();
      } }, h("input", { id: "goto", type: "search", placeholder: "Job, task, node", "aria-label": "Go to job, task or node", spellcheck: "false", autocomplete: "off" })),
      h("ul", null, Object.entries(VIEWS).map(([name, x]) =>
        h("li", { key: name }, h("a", { href: link(name), "aria-current": this.route.view === name ? "page" : undefined },
          x.title,
          name === "queue" && waiting > 0 && h("span", { class: "number pill", "aria-label": `${waiting} waiting` }, waiting.toLocaleString("en-GB")))))),
      this.foot());
  }

  private foot(): Child {
    const states = { connecting: "connecting", open: "live", lost: "disconnected" };
    return h("div", { class: "foot" },
      h("p", { class: `connection ${this.live.connection}`, role: "status" },
        h("span", { class: "sign", "aria-hidden": "true" }), states[this.live.connection]),
      this.cluster.value && h("p", { class: "quiet" }, "version ", h("span", { class: "number" }, this.cluster.value.version)),
      h("label", { class: "quiet" }, "Colours ",
        h("select", { name: "theme", value: theme(), onchange: (e: Event) => setTheme((e.target as HTMLSelectElement).value) },
          ["system", "light", "dark"].map((x) => h("option", { value: x }, x)))),
      h("p", null, button("Keys", () => { this.helping = true; this.redraw(); }, "plain")));
  }

  private banner(): Child {
    if (this.live.connection !== "lost") return null;
    const seconds = Math.max(0, Math.ceil((this.live.retryAt - Date.now()) / 1000));
    return h("div", { class: "banner", role: "alert" },
      h("b", null, "Disconnected from the controller."),
      ` What you see is as of ${timeOfDay(this.live.lostAt)}. `,
      seconds > 0 ? `Trying again in ${seconds} s. ` : "Trying again … ",
      button("Try now", () => this.live.retryNow()));
  }

  private drawDialog(): Node_ {
    const x = this.dialog!;
    const close = () => {
      this.dialog = null;
      this.redraw();
    };
    const run = async (e: Event) => {
      e.preventDefault();
      x.busy = true;
      x.problem = undefined;
      this.redraw();
      try {
        await x.run(x.values);
        close();
      } catch (error) {
        if (error instanceof Refused && error.problem.status === 501 && x.needs) this.noteLack(x.needs);
        x.problem = error instanceof Refused ? error.problem : { status: 0, title: "Error", detail: String(error) };
      }
      x.busy = false;
      this.redraw();
    };
    return h("dialog", { "aria-labelledby": "dialog-title", mount: (d: HTMLElement) => (d as HTMLDialogElement).showModal(), onclose: close, key: "dialog" },
      h("form", { method: "dialog", onsubmit: run },
        h("h2", { id: "dialog-title" }, x.title),
        h("p", null, x.text),
        (x.fields ?? []).map((f) => h("label", { class: "field", key: f.name }, f.label,
          h("input", {
            name: f.name, type: f.type ?? "text", value: x.values[f.name], min: f.type === "number" ? "0" : undefined, required: true,
            oninput: (e: Event) => { x.values[f.name] = (e.target as HTMLInputElement).value; },
          }), f.hint && h("span", { class: "quiet" }, f.hint))),
        x.problem && problem(x.problem),
        h("div", { class: "actions end" },
          button("Cancel", close),
          h("button", { type: "submit", class: x.danger ? "danger primary" : "primary", disabled: !!x.busy }, x.action))));
  }

  private drawHelp(): Node_ {
    const close = () => {
      this.helping = false;
      this.redraw();
    };
    return h("dialog", { "aria-labelledby": "help-title", mount: (d: HTMLElement) => (d as HTMLDialogElement).showModal(), onclose: close, key: "help" },
      h("h2", { id: "help-title" }, "Keys"),
      h("dl", { class: "keys" },
        Object.entries(VIEWS).map(([, x]) => [h("dt", null, h("kbd", null, "g"), " ", h("kbd", null, x.key)), h("dd", null, x.title)]),
        h("dt", null, h("kbd", null, "/")), h("dd", null, "Filter, or go to something"),
        h("dt", null, h("kbd", null, "Esc")), h("dd", null, "Leave a field, close a dialog"),
        h("dt", null, h("kbd", null, "?")), h("dd", null, "These keys")),
      h("div", { class: "actions end" }, button("Close", close, "primary")));
  }
}

function theme(): string {
  try {
    return localStorage.getItem("theme") ?? "system";
  } catch {
    return "system";
  }
}

function setTheme(x: string) {
  try {
    localStorage.setItem("theme", x);
  } catch {
    // Then only for this page.
  }
  if (x === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", x);
  window.dispatchEvent(new Event("theme"));
}

setTheme(theme());
new Dashboard().start();
