import { Child, h, Node_ } from "./dom";
import { eventTable } from "./events";
import * as format from "./format";
import {
  amount, badge, button, chart, choice, cursorOf, KINDS, KIND_NAMES, labels, meter, nodeLink, nothing, pager,
  pair, panel, prose, search, shown, spark, table,
} from "./parts";
import { call, query, segment } from "./rest";
import { Route } from "./route";
import { taskColumns } from "./tasks";
import { Events, NodeView, Page, TaskView, Usage, Why } from "./types";
import { App, View } from "./view";
import { whyNode } from "./why";

/** Whether something is wrong although it takes tasks by name: a quarantine, or a driver. */
function isTroubled(x: NodeView): boolean {
  return x.state === "ready" && x.eligibility === "eligible" && x.message !== "";
}

export function nodeBadges(x: NodeView): Child {
  return [badge(x.state), x.eligibility !== "eligible" && [" ", badge(x.eligibility)],
    isTroubled(x) && [" ", h("span", { title: x.message }, badge("degraded", "troubled"))]];
}

function beat(x: NodeView): string {
  return x.heartbeatAgeSeconds === null ? "never" : format.duration(x.heartbeatAgeSeconds);
}

async function post(app: App, path: string, done: string) {
  await call("POST", path, {});
  app.say(done, "done");
}

export function drainNode(app: App, name: string) {
  app.ask({
    title: `Drain ${name}?`,
    text: "Nothing new will be placed there, and what runs there is moved elsewhere.",
    action: "Drain", danger: true, needs: "drain",
    run: () => post(app, `/v1/nodes/${segment(name)}/drain`, `${name} is being drained`),
  });
}

export function cordonNode(app: App, name: string) {
  app.ask({
    title: `Cordon ${name}?`,
    text: "Nothing new will be placed there. What runs there goes on.",
    action: "Cordon",
    run: () => post(app, `/v1/nodes/${segment(name)}/cordon`, `${name} is cordoned`),
  });
}

export function uncordonNode(app: App, name: string) {
  app.ask({
    title: `Let tasks go to ${name} again?`,
    text: "Tasks that wait may be placed there at once.",
    action: "Uncordon",
    run: () => post(app, `/v1/nodes/${segment(name)}/uncordon`, `${name} takes tasks again`),
  });
}

export function nodeActions(app: App, x: NodeView): Child {
  if (x.state === "removed") return null;
  const open = x.eligibility === "eligible";
  return h("span", { class: "actions" },
    open
      ? button("Cordon", () => cordonNode(app, x.name), "", { "aria-label": `Cordon ${x.name}` })
      : button("Uncordon", () => uncordonNode(app, x.name), "", { "aria-label": `Uncordon ${x.name}` }),
    x.eligibility !== "draining" && x.eligibility !== "drained" && !app.lacks("drain")
      && button("Drain", () => drainNode(app, x.name), "", { "aria-label": `Drain ${x.name}` }));
}

function pathOf(route: Route): string {
  const { state, label } = route.query;
  return query("/v1/nodes", { state, label, limit: 50, cursor: cursorOf(route) });
}

/** All machines, and how busy they are. */
export class NodesView extends View {
  private feed = this.follow<Page<NodeView>>(pathOf(this.route));
  private usage = this.follow<Usage>("/v1/usage?last=60");

  title() {
    return "Nodes";
  }

  protected moved() {
    this.feed.change(pathOf(this.route));
  }

  draw(): Node_ {
    const names = this.feed.value?.items.map((x) => x.name) ?? [];
    if (names.length > 0) this.usage.change(query("/v1/usage", { node: names.join(","), last: 60 }));
    return h("div", null,
      h("header", { class: "head" },
        h("h1", null, "Nodes"),
        h("form", { class: "filters", onsubmit: (e: Event) => e.preventDefault() },
          choice(this.route, "state", "State", ["ready", "unhealthy", "removed"]),
          search(this.route, "label", "Label", "zone=a, or gpu"))),
      panel("", shown(this.feed, (x) => [
        x.items.length === 0 ? this.empty() : this.list(x.items),
        pager(this.route, x),
      ])));
  }

  private empty(): Node_ {
    return this.route.query.state || this.route.query.label
      ? nothing("No such nodes", "No node fits these filters.")
      : nothing("No nodes yet", ["A machine joins by ", h("code", null, "troupe node --controller HOST:PORT"), "."]);
  }

  private list(items: NodeView[]): Node_ {
    const usage = new Map((this.usage.value?.items ?? []).map((x) => [x.name, x]));
    const kinds = KINDS.filter((k) => k !== "gpu" || items.some((x) => x.capacity.gpu > 0));
    return table("Nodes", [
      { name: "Node", cell: (x) => nodeLink(x.name) },
      { name: "State", cell: nodeBadges },
      ...kinds.map((k) => ({
        name: KIND_NAMES[k], class: "metered",
        cell: (x: NodeView) => [meter(k, x.capacity, x.reserved, x.used),
          h("span", { class: "number quiet" }, amount(k, x.reserved[k]), " of ", amount(k, x.capacity[k]))],
      })),
      { name: "CPU, 5 min", cell: (x) => spark(usage.get(x.name)?.cpu, 60, `CPU of ${x.name}`) },
      { name: "Memory, 5 min", cell: (x) => spark(usage.get(x.name)?.memory, 60, `Memory of ${x.name}`) },
      { name: "Tasks", class: "number", cell: (x) => format.count(x.tasks) },
      { name: "Heartbeat", class: "number", cell: (x) => beat(x) },
      { name: "Labels", cell: (x) => labels(x.labels) },
      { name: "", cell: (x) => nodeActions(this.app, x) },
    ], items, (x) => x.name);
  }
}

/** One machine: what it has, what runs there, what happened. */
export class NodePage extends View {
  private path = `/v1/nodes/${segment(this.route.name)}`;
  private node = this.follow<NodeView>(this.path);
  private usage = this.follow<Usage>(query("/v1/usage", { node: this.route.name }));
  private why = this.follow<Why>(`${this.path}/why`);
  private tasks = this.follow<Page<TaskView>>(this.tasksPath());
  private events = this.follow<Events>(query("/v1/events", { node: this.route.name, limit: 50 }));

  title() {
    return this.route.name;
  }

  protected moved() {
    this.tasks.change(this.tasksPath());
  }

  private tasksPath() {
    return query("/v1/tasks", { node: this.route.name, limit: 50, cursor: cursorOf(this.route) });
  }

  draw(): Node_ {
    const x = this.node.value;
    return h("div", null,
      h("header", { class: "head" },
        h("h1", null, this.route.name, " ", x && nodeBadges(x)),
        x && nodeActions(this.app, x)),
      x && isTroubled(x) && h("p", { class: "note", role: "status" }, prose(x.message)),
      shown(this.node, (y) => this.facts(y)),
      x && panel("Why", shown(this.why, whyNode)),
      x && panel("Tasks", shown(this.tasks, (y) => y.items.length === 0
        ? nothing("No tasks here", "Nothing holds capacity of this node.")
        : [table("Tasks", taskColumns(this.app, { node: false }), y.items, (z) => z.id), pager(this.route, y)])),
      x && panel("Events", shown(this.events, (y) => eventTable(y.items.slice(0, 50)))));
  }

  private facts(x: NodeView): Child {
    const series = this.usage.value?.items[0];
    return [
      h("div", { class: "capacities" }, KINDS.filter((k) => x.capacity[k] > 0).map((k) =>
        h("section", { class: "panel capacity", key: k },
          h("h2", null, KIND_NAMES[k]),
          meter(k, x.capacity, x.reserved, x.used),
          h("dl", { class: "pairs" },
            pair("Used", amount(k, x.used[k])),
            pair("Reserved", amount(k, x.reserved[k])),
            pair("Capacity", amount(k, x.capacity[k]))),
          chart(series?.[k], 5, KIND_NAMES[k])))),
      panel("Node",
        h("dl", { class: "pairs" },
          pair("Heartbeat", beat(x)),
          pair("Tasks", format.count(x.tasks)),
          pair("Drivers", x.drivers.join(", ") || "–"),
          pair("Weight", x.weight),
          pair("Overcommit", x.overcommit),
          pair("Joined", format.fullTime(x.joinedAt)),
          pair("Version", x.version || "–"),
          pair("Labels", labels(x.labels)),
          Object.entries(x.capacity.resources ?? {}).map(([name, all]) =>
            pair(name, `${x.reserved.resources?.[name] ?? 0} of ${all} reserved`)))),
    ];
  }
}
