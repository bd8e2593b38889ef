import { Child, h, Node_ } from "./dom";
import * as format from "./format";
import { jobLink, nodeLink, nothing, panel, problem, table, taskLink } from "./parts";
import { call, Refused } from "./rest";
import { Problem } from "./types";
import { View } from "./view";

type Item = Record<string, unknown> | string;
type Answer = Record<string, unknown>;

const KINDS: Record<string, { label: string; hint: string }> = {
  drainNode: { label: "Drain a node", hint: "n1" },
  loseNode: { label: "Lose a node", hint: "n1" },
  addNodes: { label: "Add nodes", hint: "" },
  submit: { label: "Submit a job", hint: "" },
};

/** What the lists of an answer mean, and how grave it is. */
const LISTS: { keys: string[]; title: string; none: string; class: string }[] = [
  { keys: ["moves", "moved"], title: "Moves", none: "Nothing moves.", class: "" },
  { keys: ["placements", "placed", "places"], title: "Gets a place", none: "", class: "" },
  { keys: ["victims", "preempted", "preemptions"], title: "Is preempted", none: "", class: "bad" },
  { keys: ["unplaced", "noLongerFits", "doesNotFit", "misfits", "waiting"], title: "Does not fit", none: "Everything fits.", class: "bad" },
];

function text(x: Item, ...keys: string[]): string {
  if (typeof x === "string") return x;
  for (const key of keys) {
    const found = x[key];
    if (typeof found === "string" || typeof found === "number") return String(found);
  }
  return "";
}

/** What would happen, without it happening. */
export class PlanView extends View {
  private kind = this.route.query.kind ?? "drainNode";
  private node = this.route.query.node ?? "";
  private count = "1";
  private cpu = "4";
  private memory = "8GiB";
  private labels = "";
  private job = `{\n  "command": ["sleep", "60"],\n  "kind": "batch",\n  "count": 10,\n  "cpu": 1\n}`;
  private problem?: Problem;
  private answer?: Answer;
  private busy = false;

  title() {
    return "Plan";
  }

  draw(): Node_ {
    return h("div", null,
      h("header", { class: "head" }, h("h1", null, "Plan")),
      panel("What if",
        this.app.lacks("plan")
          ? nothing("Not with this controller", "It cannot say yet what a change would do.")
          : this.form(),
        this.problem && problem(this.problem)),
      this.answer && this.result(this.answer));
  }

  private form(): Node_ {
    const field = (label: string, name: "node" | "count" | "cpu" | "memory" | "labels", hint = "") =>
      h("label", { class: "filter", key: name }, label, h("input", {
        name, value: this[name], placeholder: hint, spellcheck: "false", autocomplete: "off", required: name !== "labels",
        oninput: (e: Event) => { this[name] = (e.target as HTMLInputElement).value; },
      }));
    return h("form", { onsubmit: (e: Event) => { e.preventDefault(); this.ask(); } },
      h("div", { class: "filters" },
        h("label", { class: "filter", key: "kind" }, "Change", h("select", {
          name: "kind", value: this.kind, onchange: (e: Event) => { this.kind = (e.target as HTMLSelectElement).value; this.answer = undefined; this.app.redraw(); },
        }, Object.entries(KINDS).map(([key, x]) => h("option", { value: key }, x.label)))),
        this.kind === "drainNode" || this.kind === "loseNode" ? field("Node", "node", KINDS[this.kind].hint) : null,
        this.kind === "addNodes" && [field("How many", "count"), field("Cores each", "cpu"), field("Memory each", "memory"),
          field("Labels", "labels", "zone=a,gpu=true")]),
      this.kind === "submit" && h("textarea", {
        name: "job", "aria-label": "Job as JSON", rows: "10", spellcheck: "false", value: this.job,
        oninput: (e: Event) => { this.job = (e.target as HTMLTextAreaElement).value; },
      }),
      h("p", { class: "actions" }, h("button", { type: "submit", class: "primary", disabled: this.busy }, "What would happen?"),
        h("span", { class: "quiet" }, "Nothing is changed by asking.")));
  }

  private change(): unknown {
    switch (this.kind) {
      case "drainNode":
      case "loseNode":
        return { [this.kind]: this.node.trim() };
      case "addNodes":
        return {
          addNodes: {
            count: Number(this.count), capacity: { cpu: Number(this.cpu), memory: this.memory },
            labels: Object.fromEntries(this.labels.split(",").filter((x) => x.includes("=")).map((x) => x.trim().split("=", 2))),
          },
        };
      default:
        return { submit: JSON.parse(this.job) };
    }
  }

  private async ask() {
    this.busy = true;
    this.problem = this.answer = undefined;
    this.app.redraw();
    try {
      this.answer = await call<Answer>("POST", "/v1/plan", { change: this.change() });
    } catch (x) {
      if (x instanceof Refused && x.problem.status === 501) this.app.noteLack("plan");
      else this.problem = x instanceof Refused ? x.problem
        : { status: 0, title: "This is not JSON", detail: String(x instanceof Error ? x.message : x) };
    }
    this.busy = false;
    this.app.redraw();
  }

  private result(x: Answer): Node_ {
    const listed = LISTS.map((l) => ({ ...l, items: l.keys.map((k) => x[k]).find(Array.isArray) as Item[] | undefined }));
    const known = new Set(LISTS.flatMap((l) => l.keys));
    const rest = Object.entries(x).filter(([key, y]) => !known.has(key) && y !== null && typeof y !== "object");
    const deeper = Object.fromEntries(Object.entries(x).filter(([key, y]) => !known.has(key) && y !== null && typeof y === "object"));
    return h("div", { role: "region", "aria-label": "What would happen" },
      rest.length > 0 && panel("In short", h("dl", { class: "pairs" }, rest.map(([key, y]) =>
        h("div", { class: "pair", key }, h("dt", null, format.words(key)), h("dd", null, String(y)))))),
      h("div", { class: "columns wide" }, listed.filter((l) => l.items).map((l) =>
        panel([l.title, " ", h("span", { class: "number quiet" }, format.count(l.items!.length))],
          l.items!.length === 0 ? h("p", { class: "quiet" }, l.none || "None.") : this.list(l.items!, l.class)))),
      Object.keys(deeper).length > 0 && panel("In full", h("pre", { class: "spec", tabindex: "0" }, JSON.stringify(deeper, null, 2))));
  }

  /** Who goes from where to where, as arrows. */
  private list(items: Item[], kind: string): Child {
    const shown = items.slice(0, 500);
    return [table("Result", [
      { name: "Task or job", cell: (x: Item) => this.name(x) },
      {
        name: "From → to", cell: (x: Item) => {
          const from = text(x, "from", "node");
          const to = text(x, "to");
          if (typeof x === "string" || (!from && !to)) return text(x, "tasks", "count");
          return h("span", { class: `move ${kind}` }, from ? nodeLink(from) : "–",
            to && [h("span", { class: "arrow", "aria-label": "to" }, " → "), nodeLink(to)]);
        },
      },
      {
        name: "Because", class: "detail", cell: (x: Item) => typeof x === "string" ? "" :
          text(x, "message") || format.words(text(x, "reason")),
      },
    ], shown, (x) => JSON.stringify(x)),
    items.length > shown.length && h("p", { class: "quiet" }, `and ${format.count(items.length - shown.length)} more`)];
  }

  private name(x: Item): Child {
    const task = text(x, "task", "id");
    if (/\.\d+$/.test(task)) return taskLink(task);
    const job = text(x, "job", "name");
    return job ? jobLink(job) : task;
  }
}
