import { Child, h, Node_ } from "./dom";
import { Feed } from "./live";
import * as format from "./format";
import { ago, button, cursorOf, jobLink, nothing, pager, panel, shown, table } from "./parts";
import { query, segment } from "./rest";
import { link, replace, Route } from "./route";
import { QueuePage, QueueView, Why } from "./types";
import { View } from "./view";
import { why } from "./why";

function pathOf(route: Route): string {
  return query("/v1/queue", { limit: 50, cursor: cursorOf(route) });
}

/** What waits, in the order in which it would be placed, and what would help. */
export class QueueViewPage extends View {
  private feed = this.follow<QueuePage>(pathOf(this.route));
  private why?: Feed<Why>;
  private whyJob = "";

  title() {
    return "Queue";
  }

  protected moved() {
    this.feed.change(pathOf(this.route));
    this.openWhy();
  }

  private openWhy() {
    const job = this.route.query.open ?? "";
    if (job === this.whyJob) return;
    this.whyJob = job;
    if (this.why) this.drop(this.why as never);
    this.why = job ? this.follow<Why>(`/v1/jobs/${segment(job)}/why`) : undefined;
  }

  draw(): Node_ {
    this.openWhy();
    return h("div", null,
      h("header", { class: "head" }, h("h1", null, "Queue"),
        this.feed.value && this.totals(this.feed.value)),
      panel("", shown(this.feed, (x) => x.items.length === 0
        ? nothing("Nothing waits", "Every task has its place.")
        : [this.list(x.items), pager(this.route, x)])));
  }

  private totals(x: QueuePage): Child {
    if (x.waiting === undefined || x.waiting === 0) return null;
    return h("p", { class: "quiet" }, format.plural(x.waiting, "task"), x.waiting === 1 ? " waits" : " wait",
      x.oldest && [", the oldest since ", ago(this.app, x.oldest)]);
  }

  private list(items: QueueView[]): Node_ {
    return table("Queue", [
      { name: "Job", cell: (x: QueueView) => jobLink(x.job) },
      { name: "Tasks", class: "number", cell: (x) => format.count(x.tasks) },
      { name: "Priority", class: "number", cell: (x) => x.priority },
      { name: "Reason", cell: (x) => format.words(x.reason ?? "") },
      { name: "What the nodes say", class: "detail", cell: (x) => x.message },
      { name: "Waits", class: "number", cell: (x) => ago(this.app, x.submittedAt) },
      { name: "", cell: (x) => this.opener(x) },
    ], items, (x) => x.job + (x.notBefore ? " late" : ""),
      (x) => (x.job === this.whyJob && this.why && !x.notBefore ? shown(this.why, why) : null));
  }

  private opener(x: QueueView): Child {
    if (x.notBefore) return null;
    const isOpen = x.job === this.whyJob;
    const to = link("queue", "", { ...this.route.query, open: isOpen ? "" : x.job });
    return button(isOpen ? "Close" : "What would help", () => replace(to), "",
      { "aria-expanded": String(isOpen), "aria-label": isOpen ? `Close ${x.job}` : `What would help ${x.job}` });
  }
}
