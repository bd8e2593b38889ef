import { h, Node_ } from "./dom";
import * as format from "./format";
import { badge, cursorOf, jobLink, nothing, pager, panel, shown, table } from "./parts";
import { query } from "./rest";
import { Route } from "./route";
import { Gang, Page } from "./types";
import { View } from "./view";

function pathOf(route: Route): string {
  return query("/v1/gangs", { limit: 50, cursor: cursorOf(route) });
}

/** Tasks that start together or not at all. */
export class GangsView extends View {
  private feed = this.follow<Page<Gang>>(pathOf(this.route));

  title() {
    return "Gangs";
  }

  protected moved() {
    this.feed.change(pathOf(this.route));
  }

  draw(): Node_ {
    return h("div", null,
      h("header", { class: "head" }, h("h1", null, "Gangs")),
      panel("", shown(this.feed, (x) => x.items.length === 0
        ? nothing("No gangs", ["A job with ", h("code", null, "\"gang\": true"), " starts all its tasks together or none."])
        : [this.list(x.items), pager(this.route, x)])));
  }

  private list(items: Gang[]): Node_ {
    return table("Gangs", [
      { name: "Gang", cell: (x) => h("span", { class: "name" }, x.name) },
      { name: "Jobs", cell: (x) => x.jobs.map((job) => h("span", null, jobLink(job), " ")) },
      { name: "State", cell: (x) => badge(x.state) },
      { name: "Placed", class: "metered", cell: (x) => this.progress(x) },
      { name: "Needs", class: "number", cell: (x) => (x.min === x.max ? x.min : `${x.min} to ${x.max}`) },
      { name: "Reason", cell: (x) => format.words(x.reason ?? "") },
      { name: "Because", cell: (x) => x.message },
    ], items, (x) => x.name);
  }

  /** How many have a place, and how many must have one before any starts. */
  private progress(x: Gang): Node_ {
    const all = Math.max(1, x.members, x.max);
    return h("div", { class: "gang" },
      h("div", { class: "bar small", role: "img", "aria-label": `${x.placed} of ${x.members} placed, at least ${x.min} needed` },
        h("span", { class: "fill s-running", style: { width: `${(100 * x.placed) / all}%` } }),
        h("span", { class: "mark", style: { left: `${(100 * x.min) / all}%` } })),
      h("span", { class: "number quiet" }, `${x.placed} of ${x.members}`));
  }
}
