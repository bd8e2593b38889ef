import { Child, h, Node_ } from "./dom";
import * as format from "./format";
import { button, choice, jobLink, nodeLink, nothing, panel, search, shown, taskLink } from "./parts";
import { call, query, Refused } from "./rest";
import { Route } from "./route";
import { Event_, Events, Page } from "./types";
import { View } from "./view";

export const EVENT_TYPES = [
  "jobSubmitted", "jobUpdated", "jobScaled", "jobStopped", "taskPlaced", "taskStarted", "taskHealthChanged",
  "taskEnded", "taskPreempted", "taskRequeued", "gangReserved", "gangCommitted", "gangReleased", "nodeJoined",
  "nodeUnhealthy", "nodeReady", "nodeRemoved", "nodeCordoned", "nodeDraining", "nodeDrained",
  "nodeQuarantined", "nodeTroubled", "nodeLabelled", "settingsChanged", "cacheHit", "cacheInvalidated", "leaderElected",
];

const BAD = new Set(["nodeUnhealthy", "nodeRemoved", "taskPreempted"]);

function isBad(x: Event_): boolean {
  // Both are told again when it is over.
  if (x.type === "nodeQuarantined") return x.quarantined !== false;
  if (x.type === "nodeTroubled") return Array.isArray(x.drivers) && x.drivers.length > 0;
  return BAD.has(x.type) || (x.type === "taskEnded" && x.state === "failed");
}

/** What an event says beyond its type, in a few words. */
function detail(x: Event_): string {
  const parts: string[] = [];
  const text = (key: string) => (typeof x[key] === "string" ? (x[key] as string) : "");
  if (x.type === "taskEnded") parts.push(text("state"));
  if (typeof x.attempt === "number" && x.attempt > 1) parts.push(`attempt ${x.attempt}`);
  if (typeof x.exitCode === "number") parts.push(`exit code ${x.exitCode}`);
  // A message that begins with the reason says it all.
  const reason = format.words(text("reason"));
  if (reason && !text("message").startsWith(reason)) parts.push(reason);
  if (typeof x.count === "number") parts.push(`to ${x.count}`);
  if (x.type === "nodeTroubled") parts.push(isBad(x) ? (x.drivers as string[]).join(", ") : "all drivers work again");
  if (x.type === "nodeQuarantined") parts.push(isBad(x) ? "on" : "off");
  if (typeof x.cordoned === "boolean") parts.push(x.cordoned ? "on" : "off");
  if (typeof x.jobVersion === "number") parts.push(`version ${x.jobVersion}`);
  if (text("leader")) parts.push(text("leader"));
  if (text("message") && !parts.includes(text("message"))) parts.push(text("message"));
  return parts.join(", ");
}

function subject(x: Event_): Child {
  if (x.task) return taskLink(x.task);
  if (x.job) return jobLink(x.job);
  return "";
}

export function eventTable(items: Event_[], short = false): Node_ {
  if (items.length === 0) return nothing("Nothing has happened", "What happens is shown here as it happens.");
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Events" },
    h("table", { class: "events" },
      h("thead", { class: short ? "hidden" : "" }, h("tr", null,
        ["Time", "Event", "Task or job", "Node", "Detail"].map((x) => h("th", { scope: "col" }, x)))),
      h("tbody", null, items.map((x) => h("tr", { key: x.version, class: isBad(x) ? "bad" : "" },
        h("td", { class: "number quiet", title: `${format.fullTime(x.time)}, version ${x.version}` }, format.timeOfDay(x.time)),
        h("td", null, format.words(x.type)),
        h("td", null, subject(x)),
        h("td", null, x.node ? nodeLink(x.node) : ""),
        h("td", { class: "detail quiet" }, detail(x)))))));
}

function pathOf(route: Route): string {
  return query("/v1/events", {
    types: route.query.types, job: route.query.job, node: route.query.node, limit: 200,
  });
}

/** What has happened, and what happens. */
export class EventsView extends View {
  private feed = this.follow<Events>(pathOf(this.route));
  private held?: Event_[];
  private older: Event_[] = [];
  private note = "";

  title() {
    return "Events";
  }

  protected moved() {
    this.older = [];
    this.note = "";
    this.feed.value = undefined;
    this.feed.change(pathOf(this.route));
  }

  draw(): Node_ {
    return h("div", null,
      h("header", { class: "head" },
        h("h1", null, "Events"),
        h("form", { class: "filters", onsubmit: (e: Event) => e.preventDefault() },
          choice(this.route, "types", "Type", EVENT_TYPES),
          search(this.route, "job", "Job", "name"),
          search(this.route, "node", "Node", "name"),
          button(this.held ? "Go on" : "Pause", () => this.pause(), "", { "aria-pressed": String(!!this.held) }))),
      panel("", shown(this.feed, (x) => {
        const items = [...(this.held ?? x.items), ...this.older];
        const waiting = this.held ? x.items.filter((y) => y.version > (this.held![0]?.version ?? 0)).length : 0;
        return [
          this.held && h("p", { class: "note", role: "status" }, `Paused; ${format.plural(waiting, "event")} since.`),
          x.missed && !this.held && h("p", { class: "note" }, "More has happened than is shown; filter, or read all by ",
            h("code", null, "troupe events"), "."),
          eventTable(items),
          items.length > 0 && h("p", null, button("Older", () => this.loadOlder(items.at(-1)!.version)), " ", this.note),
        ];
      })));
  }

  private pause() {
    this.held = this.held ? undefined : [...(this.feed.value?.items ?? [])];
    this.app.redraw();
  }

  /** One look back, by REST: what is long past does not change. */
  private async loadOlder(before: number) {
    const { types, job, node } = this.route.query;
    const since = Math.max(0, before - 1 - 2000);
    try {
      const page = await call<Page<Event_>>("GET", query("/v1/events", { types, job, node, since, limit: 2000 }));
      const found = page.items.filter((x) => x.version < before).reverse().slice(0, 200);
      this.older.push(...found);
      this.note = found.length > 0 ? "" : since === 0 ? "There is nothing older." : `Nothing between ${since} and ${before}.`;
    } catch (x) {
      this.note = x instanceof Refused ? x.problem.detail : String(x);
    }
    this.app.redraw();
  }
}
