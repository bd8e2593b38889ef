import { Child, h, Node_ } from "./dom";
import { eventTable } from "./events";
import * as format from "./format";
import {
  ago, badge, button, choice, cursorOf, jobLink, nothing, pager, pair, panel, search, shown, smallStateBar,
  stateBar, table, TASK_STATES,
} from "./parts";
import { call, query, segment } from "./rest";
import { link, Route } from "./route";
import { taskColumns } from "./tasks";
import { Events, JobView, Page, TaskView, Why } from "./types";
import { App, View } from "./view";
import { why } from "./why";

function reasons(x: JobView): Child {
  return h("span", { class: "quiet" }, Object.entries(x.reasons)
    .sort((a, b) => b[1] - a[1]).slice(0, 3)
    .map(([name, n]) => `${format.count(n)} × ${format.words(name)}`).join(", "));
}

/** What matters of a service is that it runs, of a batch that it gets done. */
function progress(x: JobView): string {
  const done = (x.tasks.succeeded ?? 0) + (x.tasks.cached ?? 0);
  return x.kind === "batch"
    ? `${format.count(done)} of ${format.count(x.count)} done`
    : `${format.count(x.tasks.running ?? 0)} of ${format.count(x.count)} run`;
}

function pathOf(route: Route): string {
  const { kind, state, label } = route.query;
  return query("/v1/jobs", { kind, state, label, limit: 50, cursor: cursorOf(route) });
}

export class JobsView extends View {
  private feed = this.follow<Page<JobView>>(pathOf(this.route));

  title() {
    return "Jobs";
  }

  protected moved() {
    this.feed.change(pathOf(this.route));
  }

  draw(): Node_ {
    return h("div", null,
      h("header", { class: "head" },
        h("h1", null, "Jobs"),
        h("form", { class: "filters", onsubmit: (e: Event) => e.preventDefault() },
          choice(this.route, "kind", "Kind", ["service", "batch", "system"]),
          choice(this.route, "state", "State", ["pending", "running", "degraded", "succeeded", "failed", "stopped"]),
          search(this.route, "label", "Label", "service=database"))),
      panel("", shown(this.feed, (x) => [
        x.items.length === 0 ? this.empty() : this.list(x.items), pager(this.route, x),
      ])));
  }

  private empty(): Node_ {
    const { kind, state, label } = this.route.query;
    return kind || state || label
      ? nothing("No such jobs", "No job fits these filters.")
      : nothing("No jobs yet", h("a", { href: link("submit") }, "Submit the first"));
  }

  private list(items: JobView[]): Node_ {
    return table("Jobs", [
      { name: "Job", cell: (x) => jobLink(x.name) },
      { name: "State", cell: (x) => badge(x.state) },
      { name: "Kind", cell: (x) => x.kind },
      { name: "Tasks", class: "wide", cell: (x) => smallStateBar(x.tasks) },
      { name: "Progress", class: "number", cell: progress },
      { name: "Reasons", cell: reasons },
      { name: "Priority", class: "number", cell: (x) => x.priority },
      { name: "Version", class: "number", cell: (x) => x.version },
      { name: "Submitted", class: "number", cell: (x) => ago(this.app, x.submittedAt) },
    ], items, (x) => x.name);
  }
}

async function post(app: App, path: string, body: unknown, done: string) {
  await call("POST", path, body);
  app.say(done, "done");
}

function actions(app: App, x: JobView): Child {
  const path = `/v1/jobs/${segment(x.name)}`;
  const scale = () => app.ask({
    title: `Scale ${x.name}`, text: "Tasks beyond the new count are stopped, the highest numbers first.", action: "Scale",
    fields: [{ name: "count", label: "Count", value: String(x.count), type: "number" }],
    run: (values) => post(app, `${path}/scale`, { count: Number(values.count) }, `${x.name} is scaled to ${values.count}`),
  });
  const restart = () => app.ask({
    title: `Restart ${x.name}?`, text: "Its tasks are stopped and placed anew.", action: "Restart",
    run: () => post(app, `${path}/restart`, {}, `${x.name} is being restarted`),
  });
  const stop = () => app.ask({
    title: `Stop ${x.name}?`, text: `${format.plural(x.tasks.running ?? 0, "running task")} will be stopped. The job and its history stay.`,
    action: "Stop", danger: true,
    run: () => post(app, `${path}/stop`, {}, `${x.name} is being stopped`),
  });
  const forget = () => app.ask({
    title: `Stop and forget ${x.name}?`, text: "Its tasks are stopped, and then the job is gone, with its history and logs.",
    action: "Stop and forget", danger: true,
    run: async () => {
      await call("DELETE", path);
      app.say(`${x.name} is being forgotten`, "done");
    },
  });
  const rollback = () => app.ask({
    title: `Roll ${x.name} back?`, text: `It goes back to the version before ${x.version}, step by step.`, action: "Roll back", needs: "rollback",
    run: () => post(app, `${path}/rollback`, {}, `${x.name} is being rolled back`),
  });
  return h("span", { class: "actions" },
    x.kind !== "system" && button("Scale", scale),
    button("Restart", restart),
    x.version > 1 && !app.lacks("rollback") && button("Roll back", rollback),
    x.state !== "stopped" && button("Stop", stop, "danger"),
    button("Forget", forget, "danger"));
}

export class JobPage extends View {
  private path = `/v1/jobs/${segment(this.route.name)}`;
  private job = this.follow<JobView>(this.path);
  private why = this.follow<Why>(`${this.path}/why`);
  private tasks = this.follow<Page<TaskView>>(this.tasksPath());
  private events = this.follow<Events>(query("/v1/events", { job: this.route.name, limit: 50 }));

  title() {
    return this.route.name;
  }

  protected moved() {
    this.tasks.change(this.tasksPath());
  }

  private tasksPath() {
    return query("/v1/tasks", {
      job: this.route.name, state: this.route.query.state, limit: 50, cursor: cursorOf(this.route),
    });
  }

  draw(): Node_ {
    const x = this.job.value;
    return h("div", null,
      h("header", { class: "head" },
        h("h1", null, this.route.name, " ", x && badge(x.state)),
        x && actions(this.app, x)),
      shown(this.job, (y) => [
        h("div", { class: "columns" },
          panel("Tasks", h("p", { class: "big number" }, format.count(y.count)),
            stateBar(y.tasks, (s) => link("jobs", y.name, { state: s }))),
          panel("Job", h("dl", { class: "pairs" },
            pair("Kind", y.kind), pair("Version", y.version), pair("Priority", y.priority),
            pair("Submitted", ago(this.app, y.submittedAt), " ago"),
            Object.entries(y.reasons).map(([name, n]) => pair(format.words(name), format.count(n)))))),
      ]),
      x && panel("Why", shown(this.why, why)),
      x && panel(h("span", { class: "head" }, "Its tasks",
          h("form", { class: "filters", onsubmit: (e: Event) => e.preventDefault() },
            choice(this.route, "state", "State", TASK_STATES))),
        shown(this.tasks, (y) => y.items.length === 0
          ? nothing("No such tasks", "None of its tasks is in this state.")
          : [table("Tasks", taskColumns(this.app, { job: false }), y.items, (z) => z.id), pager(this.route, y)])),
      x && panel("Events", shown(this.events, (y) => eventTable(y.items.slice(0, 50)))),
      x && panel("Spec", h("pre", { class: "spec", tabindex: "0" }, JSON.stringify(x.spec, null, 2))));
  }
}
