import { Child, h, Node_ } from "./dom";
import * as format from "./format";
import { jobLink, nodeLink, nothing, panel, problem, table, taskLink } from "./parts";
import { flow, Move } from "./plan_flow";
import { call, Refused } from "./rest";
import { Problem } from "./types";
import { View } from "./view";

interface Plan {
  version: number;
  moves: Move[];
  victims: { task: string; node: string; priority: number }[];
  stops: { task: string; node: string }[];
  doesNotFit: { job: string; tasks: number; reason: string | null; message: string }[];
  /** Of all, also where the lists are cut. */
  counts: { moves: number; victims: number; stops: number; doesNotFit: number };
  complete: boolean;
}

const KINDS: Record<string, string> = {
  drainNode: "Drain a node", loseNode: "Lose a node", addNodes: "Add nodes", submit: "Submit a job",
  scaleJob: "Scale a job", stopJob: "Stop a job",
};

/** Rows that are drawn; the command line lists all. */
const ROWS_MAX = 300;

/** What would happen, without it happening. */
export class PlanView extends View {
  private kind = this.route.query.kind ?? "drainNode";
  private node = this.route.query.node ?? "";
  private jobName = this.route.query.job ?? "";
  private count = "1";
  private cpu = "";
  private memory = "";
  private labels = "";
  private job = `{\n  "command": ["sleep", "60"],\n  "kind": "batch",\n  "count": 10,\n  "cpu": 1\n}`;
  private problem?: Problem;
  private answer?: Plan;
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
    const field = (label: string, name: "node" | "jobName" | "count" | "cpu" | "memory" | "labels", hint = "") =>
      h("label", { class: "filter", key: name }, label, h("input", {
        name, value: this[name], placeholder: hint, spellcheck: "false", autocomplete: "off",
        required: name === "node" || name === "jobName" || name === "count",
        oninput: (e: Event) => { this[name] = (e.target as HTMLInputElement).value; },
      }));
    const choose = (e: Event) => {
      this.kind = (e.target as HTMLSelectElement).value;
      this.answer = undefined;
      this.app.redraw();
    };
    return h("form", { onsubmit: (e: Event) => { e.preventDefault(); this.ask(); } },
      h("div", { class: "filters" },
        h("label", { class: "filter", key: "kind" }, "Change", h("select", { name: "kind", value: this.kind, onchange: choose },
          Object.entries(KINDS).map(([key, text]) => h("option", { value: key }, text)))),
        (this.kind === "drainNode" || this.kind === "loseNode") && field("Node", "node", "n1, or n1 n2"),
        (this.kind === "scaleJob" || this.kind === "stopJob") && field("Job", "jobName", "web"),
        this.kind === "scaleJob" && field("To", "count"),
        this.kind === "addNodes" && [field("How many", "count"), field("Like", "node", "an existing node"), field("Cores each", "cpu", "as it has"),
          field("Memory each", "memory", "as it has"), field("Labels", "labels", "zone=a,gpu=true")]),
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
        return { [this.kind]: this.node.split(/[\s,]+/).filter((x) => x) };
      case "stopJob":
        return { stopJob: this.jobName.trim() };
      case "scaleJob":
        return { scaleJob: { job: this.jobName.trim(), count: Number(this.count) } };
      case "addNodes":
        return { addNodes: this.nodes() };
      default:
        return { submit: JSON.parse(this.job) };
    }
  }

  /** What is left open is as the node has it that they are like. */
  private nodes(): unknown {
    const capacity: Record<string, unknown> = {};
    if (this.cpu.trim()) capacity.cpu = Number(this.cpu);
    if (this.memory.trim()) capacity.memory = this.memory.trim();
    const labels = this.labels.split(",").map((x) => x.trim().split("=", 2)).filter((x) => x.length === 2);
    return {
      count: Number(this.count),
      ...(this.node.trim() ? { like: this.node.trim() } : {}),
      ...(Object.keys(capacity).length > 0 ? { capacity } : {}),
      ...(labels.length > 0 ? { labels: Object.fromEntries(labels) } : {}),
    };
  }

  private async ask() {
    this.busy = true;
    this.problem = this.answer = undefined;
    this.app.redraw();
    try {
      this.answer = await call<Plan>("POST", "/v1/plan", { change: this.change() });
    } catch (x) {
      if (x instanceof Refused && x.problem.status === 501) this.app.noteLack("plan");
      else this.problem = x instanceof Refused ? x.problem
        : { status: 0, title: "This is not JSON", detail: String(x instanceof Error ? x.message : x) };
    }
    this.busy = false;
    this.app.redraw();
  }

  private result(x: Plan): Node_ {
    const { counts } = x;
    const calm = counts.moves + counts.victims + counts.stops + counts.doesNotFit === 0;
    const title = (text: string, n: number, sign = "") =>
      [sign && h("span", { class: "badge s-failed" }, h("span", { class: "sign", "aria-hidden": "true" }, sign), format.count(n)), sign && " ", text,
        !sign && [" ", h("span", { class: "number quiet" }, format.count(n))]];
    return h("div", { role: "region", "aria-label": "What would happen" },
      calm && panel("", nothing("Nothing would change", "Every task would stay where it is.")),
      !x.complete && h("p", { class: "note" }, "There is more to follow than was looked at; this is the beginning."),
      counts.doesNotFit > 0 && panel(title("would wait, and do not now", counts.doesNotFit, "✕"), table("What would not fit", [
        { name: "Job", cell: (y: Plan["doesNotFit"][0]) => jobLink(y.job) },
        { name: "Tasks", class: "number", cell: (y) => format.count(y.tasks) },
        { name: "Reason", cell: (y) => format.words(y.reason ?? "") },
        { name: "Because", class: "detail", cell: (y) => y.message },
      ], x.doesNotFit.slice(0, ROWS_MAX), (y) => y.job)),
      counts.moves > 0 && panel(title("Moves", counts.moves), flow(x.moves), table("Moves", [
        { name: "Task", cell: (y: Move) => taskLink(y.task) },
        { name: "From", cell: (y) => (y.from ? nodeLink(y.from) : h("span", { class: "quiet" }, "waits, or is new")) },
        { name: "To", cell: (y) => ["→ ", nodeLink(y.to)] },
      ], x.moves.slice(0, ROWS_MAX), (y) => y.task), this.more(counts.moves)),
      counts.victims > 0 && panel(title("would have to make room", counts.victims, "✕"), table("Victims", [
        { name: "Task", cell: (y: Plan["victims"][0]) => taskLink(y.task) },
        { name: "Node", cell: (y) => nodeLink(y.node) },
        { name: "Priority", class: "number", cell: (y) => y.priority },
      ], x.victims.slice(0, ROWS_MAX), (y) => y.task), this.more(counts.victims)),
      counts.stops > 0 && panel(title("Stops", counts.stops), table("Stops", [
        { name: "Task", cell: (y: Plan["stops"][0]) => taskLink(y.task) },
        { name: "Node", cell: (y) => nodeLink(y.node) },
      ], x.stops.slice(0, ROWS_MAX), (y) => y.task), this.more(counts.stops)));
  }

  private more(count: number): Child {
    return count > ROWS_MAX && h("p", { class: "quiet" }, `The first ${ROWS_MAX}; `, h("code", null, "troupe plan"), " lists all.");
  }
}
