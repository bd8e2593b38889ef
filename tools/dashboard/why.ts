// The record of a decision: what each node, or each kind of node, had to say.

import { Child, h, Node_ } from "./dom";
import * as format from "./format";
import { jobLink, nodeLink, prose, table } from "./parts";
import { Verdict, Why } from "./types";

const GOOD = new Set(["chosen", "feasible"]);

function who(x: Verdict): Child {
  if (x.node) return [nodeLink(x.node), x.nodes > 1 && ` and ${format.plural(x.nodes - 1, "other")} alike`];
  return format.plural(x.nodes, "node");
}

/** The parts of a score, each as long as it counts. */
function parts(x: Verdict): Child {
  const entries = Object.entries(x.parts ?? {});
  const most = Math.max(1, ...entries.map(([, y]) => Math.abs(y)));
  return h("span", { class: "scores" }, entries.map(([name, y]) =>
    h("span", { class: "part", key: name, title: `${format.words(name)}: ${y}` },
      h("i", null, format.words(name)),
      h("span", { class: y < 0 ? "bar minus" : "bar plus", style: { width: `${(40 * Math.abs(y)) / most}px` } }),
      h("span", { class: "number" }, format.figure(y)))));
}

export function suggestions(x: Why): Child {
  const all = x.suggestions ?? [];
  if (all.length === 0) return null;
  return h("div", { class: "suggestions" },
    h("h3", null, all.length === 1 ? "What would help" : "What would help, the smallest change first"),
    h("ul", null, all.map((y, i) => h("li", { key: i }, prose(y.message),
      typeof y.change === "string" && y.change && [" ", h("code", null, y.change)]))));
}

export function verdicts(x: Why): Child {
  const nodes = x.nodes ?? [];
  if (nodes.length === 0) return null;
  return table("What each node says", [
    { name: "Node", cell: who },
    {
      name: "Verdict",
      cell: (y: Verdict) => h("span", { class: GOOD.has(y.verdict) ? "verdict yes" : "verdict no" },
        h("span", { "aria-hidden": "true" }, y.verdict === "chosen" ? "★ " : GOOD.has(y.verdict) ? "✓ " : "✕ "),
        format.words(y.verdict)),
    },
    { name: "Because", cell: (y) => y.message },
    { name: "Score", class: "number", cell: (y) => (y.score === null || y.score === undefined ? "–" : format.figure(y.score)) },
    { name: "Parts", cell: parts },
  ], nodes, (y) => `${y.node} ${y.verdict} ${y.message}`);
}

/** Why a task or a job is as it is. */
export function why(x: Why): Node_ {
  return h("div", { class: "why" },
    h("p", null, x.message ? prose(x.message) : (x.reason ? format.words(x.reason) : "There is nothing to explain.")),
    suggestions(x),
    verdicts(x));
}

interface Waiting {
  job: string;
  tasks: number;
  verdict: string;
  message: string;
}

/** Why a node takes no tasks, or not those that wait. */
export function whyNode(x: Why & { waiting?: Waiting[] }): Node_ {
  const waiting = x.waiting ?? [];
  return h("div", { class: "why" },
    h("p", null, prose(capital(x.message ?? "")), "."),
    waiting.length > 0 && table("What it says to tasks that wait", [
      { name: "Job", cell: (y) => jobLink(y.job) },
      { name: "Waiting", class: "number", cell: (y) => format.count(y.tasks) },
      { name: "Verdict", cell: (y) => format.words(y.verdict) },
      { name: "Because", cell: (y) => y.message },
    ], waiting, (y) => y.job));
}

function capital(x: string): string {
  return x.charAt(0).toUpperCase() + x.slice(1);
}
