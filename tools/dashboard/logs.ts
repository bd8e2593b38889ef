// What a task says: one stream of the log's route, followed as it comes.

import { h, Node_ } from "./dom";
import { plural } from "./format";
import { button, problem } from "./parts";
import { address, problemOf, query, segment } from "./rest";
import { Problem, TaskView } from "./types";
import { App } from "./view";

/** Lines that are kept; those before are on the machine. */
const LINES_MAX = 20_000;
/** Lines that are drawn: more than anybody reads at once. */
const DRAWN_MAX = 2_000;

/** Without what would move a terminal's cursor or colour its text. */
function plain(x: string): string {
  // eslint-disable-next-line no-control-regex
  return x.replace(/\u001b(\[[0-9;?]*[ -/]*[@-~]|\][^\u0007]*(\u0007|$)|.)/g, "").replace(/\r(?!\n)/g, "\n");
}

export class LogPanel {
  private lines: string[] = [];
  private partial = "";
  private dropped = 0;
  private problem?: Problem;
  private reader?: AbortController;
  private state: "none" | "reading" | "ended" | "broken" = "none";
  private filter = "";
  private stream = "";
  private attempt = 0;
  private paused = false;
  private wrap = true;
  /** Lines that were there when reading was paused. */
  private held = 0;
  private box?: HTMLElement;
  private drawn = "";
  /** The attempt that the latest log was of. */
  private latest = 0;

  constructor(private app: App, private task: string) {}

  choose(attempt: number): void {
    this.attempt = attempt;
    this.read();
    this.box?.scrollIntoView({ block: "center" });
  }

  close(): void {
    this.reader?.abort();
  }

  draw(x: TaskView): Node_ {
    const newest = x.attempts.at(-1)?.attempt ?? 0;
    if (newest !== this.latest) {
      this.latest = newest;
      if (this.attempt === 0) this.read();
    }
    const attempts = x.attempts.map((y) => y.attempt).reverse();
    const shown = this.matching();
    return h("section", { class: "panel log" },
      h("h2", null, "Log"),
      h("form", { class: "filters", onsubmit: (e: Event) => e.preventDefault() },
        h("label", { class: "filter" }, "Filter",
          h("input", {
            type: "search", name: "log-filter", value: this.filter, placeholder: "text, or /regular expression/", spellcheck: "false", autocomplete: "off",
            oninput: (e: Event) => { this.filter = (e.target as HTMLInputElement).value; this.app.redraw(); },
          })),
        h("label", { class: "filter" }, "Stream",
          h("select", { name: "stream", value: this.stream, onchange: (e: Event) => { this.stream = (e.target as HTMLSelectElement).value; this.read(); } },
            h("option", { value: "" }, "both"), h("option", { value: "stdout" }, "stdout"), h("option", { value: "stderr" }, "stderr"))),
        h("label", { class: "filter" }, "Attempt",
          h("select", { name: "attempt", value: String(this.attempt), onchange: (e: Event) => { this.attempt = Number((e.target as HTMLSelectElement).value); this.read(); } },
            h("option", { value: "0" }, "latest"), attempts.map((y) => h("option", { value: String(y) }, String(y))))),
        button(this.paused ? "Go on" : "Pause", () => this.pause(), "", { "aria-pressed": String(this.paused) }),
        button(this.wrap ? "Do not wrap" : "Wrap", () => { this.wrap = !this.wrap; this.app.redraw(); }),
        h("a", { class: "button", href: address(this.path(false)), download: `${this.task}.log` }, "Download"),
        h("span", { class: "quiet", role: "status" }, this.status(shown.length))),
      this.problem ? problem(this.problem) : null,
      h("pre", {
        class: this.wrap ? "lines wrap" : "lines", tabindex: "0", "aria-label": `Log of ${this.task}`,
        mount: (box: HTMLElement) => { this.box = box; this.drawn = ""; this.fill(this.matching()); },
      }),
      this.fillLater(shown));
  }

  private status(shown: number): string {
    const total = this.paused ? this.held : this.lines.length;
    const parts = [this.filter ? `${plural(shown, "line")} of ${plural(total, "line")}` : plural(total, "line")];
    if (this.dropped > 0) parts.push(`${plural(this.dropped, "earlier line")} left out`);
    if (this.paused) parts.push(`paused, ${plural(this.lines.length - this.held, "new line")}`);
    else if (this.state === "reading") parts.push("following");
    else if (this.state === "none" && !this.problem) parts.push("it has not run yet");
    else if (this.state === "ended") parts.push("complete");
    else if (this.state === "broken") parts.push("broken off");
    return parts.join(" · ");
  }

  private matching(): string[] {
    const all = this.paused ? this.lines.slice(0, this.held) : this.lines;
    if (!this.filter) return all;
    const pattern = /^\/(.+)\/(i?)$/.exec(this.filter);
    if (pattern) {
      try {
        const wanted = new RegExp(pattern[1], pattern[2]);
        return all.filter((x) => wanted.test(x));
      } catch {
        // Not complete yet: taken as a text.
      }
    }
    const wanted = this.filter.toLowerCase();
    return all.filter((x) => x.toLowerCase().includes(wanted));
  }

  private fillLater(lines: string[]): null {
    queueMicrotask(() => this.fill(lines));
    return null;
  }

  /** Writes text, never markup; and stays at the end if it was there. */
  private fill(lines: string[]): void {
    const box = this.box;
    if (!box) return;
    const text = lines.slice(-DRAWN_MAX).join("\n");
    if (text === this.drawn) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
    box.textContent = this.drawn = text;
    if (atEnd && !this.paused) box.scrollTop = box.scrollHeight;
  }

  private pause(): void {
    this.paused = !this.paused;
    this.held = this.lines.length;
    this.app.redraw();
  }

  private path(follow: boolean): string {
    return query(`/v1/tasks/${segment(this.task)}/logs`, {
      stream: this.stream, attempt: this.attempt || undefined,
      follow: follow ? "true" : undefined, tail: follow ? 5000 : undefined,
    });
  }

  private async read(): Promise<void> {
    this.reader?.abort();
    const reader = (this.reader = new AbortController());
    this.lines = [];
    this.partial = "";
    this.dropped = 0;
    this.problem = undefined;
    this.paused = false;
    this.state = "reading";
    this.app.redraw();
    try {
      const answer = await fetch(address(this.path(true)), { signal: reader.signal });
      if (!answer.ok) {
        this.problem = await problemOf(answer);
        this.state = "none";
      } else {
        const decoder = new TextDecoder();
        const body = answer.body!.getReader();
        for (;;) {
          const { done, value } = await body.read();
          if (done) break;
          this.take(decoder.decode(value, { stream: true }));
        }
        if (this.partial) this.take("\n");
        this.state = "ended";
      }
    } catch {
      if (reader.signal.aborted) return;
      this.state = "broken";
    }
    this.app.redraw();
  }

  private take(text: string): void {
    const parts = (this.partial + plain(text)).split("\n");
    this.partial = parts.pop()!;
    if (parts.length === 0) return;
    for (const x of parts) this.lines.push(x);
    const over = this.lines.length - LINES_MAX;
    if (over > 0) {
      this.lines.splice(0, over);
      this.dropped += over;
      this.held = Math.max(0, this.held - over);
    }
    this.app.redraw();
  }
}
