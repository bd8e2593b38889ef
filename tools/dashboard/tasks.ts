import { Child, h, Node_ } from "./dom";
import { eventTable } from "./events";
import * as format from "./format";
import { LogPanel } from "./logs";
import {
  ago, badge, button, choice, Column, cursorOf, jobLink, nodeLink, nothing, pager, pair, panel, search, shown,
  table, taskLink, TASK_STATES,
} from "./parts";
import { call, query, segment } from "./rest";
import { link, Route } from "./route";
import { Attempt, Events, Page, TaskView, Why } from "./types";
import { App, View } from "./view";
import { why } from "./why";

export function taskBadges(x: TaskView): Child {
  return [badge(x.stopping ? "stopping" : x.state),
    x.health !== "none" && x.state === "running" && [" ", badge(x.health)]];
}

function cause(x: { reason: string | null; message: string; exitCode: number | null }): string {
  return x.message || (x.reason ? format.words(x.reason) : x.exitCode !== null ? `exit code ${x.exitCode}` : "");
}

export function taskColumns(app: App, which: { job?: boolean; node?: boolean }): Column<TaskView>[] {
  const all: (Column<TaskView> | false)[] = [
    { name: "Task", cell: (x) => taskLink(x.id) },
    { name: "State", cell: taskBadges },
    which.job !== false && { name: "Job", cell: (x) => jobLink(x.job) },
    which.node !== false && { name: "Node", cell: (x) => nodeLink(x.node) },
    { name: "Attempt", class: "number", cell: (x) => x.attempt || "–" },
    { name: "Memory", class: "number", cell: (x) => (x.memoryBytes ? format.bytes(x.memoryBytes) : "–") },
    { name: "Since", class: "number", cell: (x) => ago(app, x.endedAt ?? x.startedAt ?? x.submittedAt) },
    { name: "Because", class: "detail", cell: (x) => h("span", { class: "quiet" }, x.state === "running" && !x.reason ? "" : cause(x)) },
  ];
  return all.filter((x): x is Column<TaskView> => x !== false);
}

function pathOf(route: Route): string {
  const { state, job, node, label } = route.query;
  return query("/v1/tasks", { state, job, node, label, limit: 50, cursor: cursorOf(route) });
}

export class TasksView extends View {
  private feed = this.follow<Page<TaskView>>(pathOf(this.route));

  title() {
    return "Tasks";
  }

  protected moved() {
    this.feed.change(pathOf(this.route));
  }

  draw(): Node_ {
    const filtered = ["state", "job", "node", "label"].some((x) => this.route.query[x]);
    return h("div", null,
      h("header", { class: "head" },
        h("h1", null, "Tasks"),
        h("form", { class: "filters", onsubmit: (e: Event) => e.preventDefault() },
          choice(this.route, "state", "State", TASK_STATES),
          search(this.route, "job", "Job", "name"),
          search(this.route, "node", "Node", "name"),
          search(this.route, "label", "Label", "tier=front"))),
      panel("", shown(this.feed, (x) => [
        x.items.length > 0
          ? table("Tasks", taskColumns(this.app, {}), x.items, (y) => y.id)
          : filtered
            ? nothing("No such tasks", "No task fits these filters.")
            : nothing("No tasks yet", h("a", { href: link("submit") }, "Submit a job")),
        pager(this.route, x),
      ])));
  }
}

function actions(app: App, x: TaskView): Child {
  const path = `/v1/tasks/${segment(x.id)}`;
  const act = (verb: "stop" | "restart", title: string, text: string, danger: boolean) => () => app.ask({
    title, text, danger, action: verb === "stop" ? "Stop" : "Restart",
    run: async () => {
      await call("POST", `${path}/${verb}`, {});
      app.say(`${x.id} is being ${verb === "stop" ? "stopped" : "restarted"}`, "done");
    },
  });
  return h("span", { class: "actions" },
    button("Restart", act("restart", `Restart ${x.id}?`, "It is stopped and placed anew, perhaps elsewhere.", false)),
    !["stopped", "succeeded", "failed", "cached"].includes(x.state)
      && button("Stop", act("stop", `Stop ${x.id}?`, "It is stopped and not started again.", true), "danger"));
}

/** One task: its attempts, why it is there, and what it says. */
export class TaskPage extends View {
  private path = `/v1/tasks/${segment(this.route.name)}`;
  private task = this.follow<TaskView>(this.path);
  private why = this.follow<Why>(`${this.path}/why`);
  private events = this.follow<Events>(query("/v1/events", { job: this.route.name.replace(/\.\d+$/, ""), limit: 200 }));
  private log = new LogPanel(this.app, this.route.name);

  title() {
    return this.route.name;
  }

  close() {
    this.log.close();
    super.close();
  }

  draw(): Node_ {
    const x = this.task.value;
    return h("div", null,
      h("header", { class: "head" },
        h("h1", null, this.route.name, " ", x && taskBadges(x)),
        x && actions(this.app, x)),
      shown(this.task, (y) => this.facts(y)),
      x && panel("Why", shown(this.why, why)),
      x && panel("Attempts", this.attempts(x)),
      x && this.log.draw(x),
      x && panel("Events", shown(this.events, (y) =>
        eventTable(y.items.filter((z) => z.task === x.id).slice(0, 50)))));
  }

  private facts(x: TaskView): Node_ {
    const cause_ = cause(x);
    return panel("Task", h("dl", { class: "pairs" },
      pair("Job", jobLink(x.job)),
      pair("Node", nodeLink(x.node)),
      pair("Driver", x.driver),
      pair("Priority", x.priority),
      pair("Attempt", x.attempt || "–"),
      pair("Submitted", ago(this.app, x.submittedAt), " ago"),
      x.startedAt ? pair("Started", ago(this.app, x.startedAt), " ago") : null,
      x.endedAt ? pair("Ended", ago(this.app, x.endedAt), " ago") : null,
      x.exitCode !== null ? pair("Exit code", x.exitCode) : null,
      x.cpuSeconds != null ? pair("CPU time", `${format.figure(x.cpuSeconds)} s`) : null,
      x.memoryBytes != null ? pair("Memory", format.bytes(x.memoryBytes)) : null,
      x.burstLimit?.cpu != null ? pair("CPU held back to", format.figure(x.burstLimit.cpu)) : null,
      x.burstLimit?.memory != null ? pair("Memory held back to", format.bytes(x.burstLimit.memory)) : null,
      Object.entries(x.ports).map(([name, port]) => pair(`Port ${name}`, port)),
      x.gpus.length > 0 ? pair("GPUs", x.gpus.join(", ")) : null,
      cause_ ? pair("Because", cause_) : null));
  }

  private attempts(x: TaskView): Node_ {
    if (x.attempts.length === 0) return nothing("It has not run yet", "Why says what it waits for.");
    const length = (y: Attempt) => y.startedAt
      ? format.duration(((y.endedAt ? Date.parse(y.endedAt) : this.app.live.now()) - Date.parse(y.startedAt)) / 1000) : "–";
    return table("Attempts", [
      { name: "Attempt", cell: (y) => h("span", { class: "number" }, y.attempt) },
      { name: "State", cell: (y) => badge(y.state) },
      { name: "Node", cell: (y) => nodeLink(y.node) },
      { name: "Placed", cell: (y) => (y.placedAt ? format.timeOfDay(y.placedAt) : "–") },
      { name: "Ran", class: "number", cell: length },
      { name: "Exit code", class: "number", cell: (y) => y.exitCode ?? "–" },
      { name: "Because", class: "detail", cell: cause },
      { name: "", cell: (y) => button("Log", () => this.log.choose(y.attempt), "", { "aria-label": `Log of attempt ${y.attempt}` }) },
    ], [...x.attempts].reverse(), (y) => String(y.attempt));
  }
}
