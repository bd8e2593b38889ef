import { h, Node_ } from "./dom";
import { eventTable } from "./events";
import * as format from "./format";
import { link } from "./route";
import {
  ago, amount, badge, chart, Kind, KINDS, KIND_NAMES, meter, nothing, panel, shown, stateBar, jobLink,
} from "./parts";
import { Cluster, Events, QueuePage, Usage } from "./types";
import { View } from "./view";

/** The state of the whole cluster on one screen. */
export class Overview extends View {
  private cluster = this.follow<Cluster>("/v1/cluster");
  private usage = this.follow<Usage>("/v1/usage");
  private queue = this.follow<QueuePage>("/v1/queue?limit=6");
  private events = this.follow<Events>("/v1/events?limit=30");

  title() {
    return "Overview";
  }

  draw(): Node_ {
    return h("div", { class: "overview" },
      h("h1", { class: "hidden" }, "Overview"),
      shown(this.cluster, (x) => [
        h("div", { class: "capacities" },
          KINDS.filter((k) => k !== "gpu" || x.capacity.gpu > 0).map((k) => this.capacity(k, x))),
        h("div", { class: "columns" },
          panel("Tasks", this.tasks(x)),
          panel("Nodes", this.counts(x.nodes, ["ready", "unhealthy", "removed"], (s) => link("nodes", "", { state: s }))),
          panel("Jobs", this.counts(x.jobs, ["running", "pending", "degraded", "failed", "succeeded", "stopped"],
            (s) => link("jobs", "", { state: s })))),
      ]),
      h("div", { class: "columns wide" },
        panel(h("a", { href: link("queue") }, "Queue"), shown(this.queue, (x) => this.waiting(x))),
        panel(h("a", { href: link("events") }, "Events"),
          shown(this.events, (x) => eventTable(x.items.slice(0, 14), true)))));
  }

  private capacity(kind: Kind, x: Cluster): Node_ {
    const [all, reserved, used] = [x.capacity[kind], x.reserved[kind], x.used[kind]];
    const series = this.usage.value?.items[0]?.[kind];
    return h("section", { class: "panel capacity", key: kind },
      h("h2", null, KIND_NAMES[kind],
        h("span", { class: "quiet" }, ` of ${amount(kind, all)}${kind === "cpu" ? " cores" : ""}`)),
      h("div", { class: "figures" },
        h("div", null, h("b", { class: "number" }, format.percent(reserved, all)),
          h("span", null, h("i", { class: "dot reserved" }), "reserved ", amount(kind, reserved))),
        h("div", null, h("b", { class: "number" }, format.percent(used, all)),
          h("span", null, h("i", { class: "dot used" }), "used ", amount(kind, used))),
        h("div", null, h("b", { class: "number" }, format.percent(Math.max(0, all - reserved), all)),
          h("span", null, h("i", { class: "dot free" }), "free ", amount(kind, Math.max(0, all - reserved))))),
      meter(kind, x.capacity, x.reserved, x.used),
      chart(series, 5, KIND_NAMES[kind]));
  }

  private tasks(x: Cluster): Node_ {
    const total = Object.values(x.tasks).reduce((a, b) => a + b, 0);
    return total === 0
      ? nothing("No tasks yet", h("a", { href: link("submit") }, "Submit a job"))
      : h("div", null, h("p", { class: "big number" }, format.count(total)),
        stateBar(x.tasks, (s) => link("tasks", "", { state: s })));
  }

  private counts(x: Record<string, number>, states: string[], to: (state: string) => string): Node_ {
    const total = states.reduce((sum, s) => sum + (s === "removed" ? 0 : x[s] ?? 0), 0);
    return h("div", null,
      h("p", { class: "big number" }, format.count(total)),
      h("ul", { class: "legend" }, states.filter((s) => x[s] > 0).map((s) =>
        h("li", { key: s }, h("a", { href: to(s) }, badge(s), " ", h("b", { class: "number" }, format.count(x[s])))))));
  }

  private waiting(x: QueuePage): Node_ {
    if (x.items.length === 0) return nothing("Nothing waits", "Every task has its place.");
    const waiting = x.waiting ?? x.items.reduce((sum, y) => sum + y.tasks, 0);
    const oldest = x.oldest ?? x.items[0].submittedAt;
    return h("div", null,
      h("div", { class: "figures" },
        h("div", null, h("b", { class: "number" }, format.count(waiting)),
          h("span", null, waiting === 1 ? "task waits" : "tasks wait")),
        h("div", null, h("b", { class: "number" }, ago(this.app, oldest)), h("span", null, "since the oldest was submitted"))),
      h("ul", { class: "waiting" }, x.items.map((y) =>
        h("li", { key: y.job + (y.notBefore ?? "") },
          jobLink(y.job), h("span", { class: "number quiet" }, " × ", format.count(y.tasks)),
          h("p", { class: "quiet" }, y.message || format.words(y.reason ?? ""))))));
  }
}
