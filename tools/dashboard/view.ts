// What all views have in common: they follow something, and draw it.

import { Child, Node_ } from "./dom";
import { Feed, Live } from "./live";
import { Route } from "./route";

export interface App {
  live: Live;
  /** Draws again, soon. */
  redraw(): void;
  /** Tells everybody, also those who cannot see it. */
  say(text: string, kind?: "done" | "bad"): void;
  ask(dialog: Dialog): void;
  /** Whether the controller does not have this yet. */
  lacks(what: string): boolean;
  noteLack(what: string): void;
}

/** Something to be confirmed, with fields if it needs to be told more. */
export interface Dialog {
  title: string;
  text: Child;
  action: string;
  danger?: boolean;
  /** What the controller must have, to be offered no more if it has not. */
  needs?: string;
  fields?: Field[];
  /** Does it; what it throws is shown in the dialog. */
  run(values: Record<string, string>): Promise<void>;
}

export interface Field {
  name: string;
  label: string;
  value: string;
  type?: "number" | "text";
  hint?: string;
}

export abstract class View {
  private feeds: Feed<unknown>[] = [];

  constructor(protected app: App, protected route: Route) {}

  abstract title(): string;
  abstract draw(): Node_;

  /** The same view at another address: other filters, another page. */
  go(route: Route): void {
    this.route = route;
    this.moved();
  }

  protected moved(): void {}

  protected follow<T>(path: string): Feed<T> {
    const feed = this.app.live.follow<T>(path);
    this.feeds.push(feed as Feed<unknown>);
    return feed;
  }

  protected drop(feed: Feed<never>): void {
    (feed as unknown as Feed<unknown>).leave();
    this.feeds = this.feeds.filter((x) => x !== (feed as unknown as Feed<unknown>));
  }

  close(): void {
    this.feeds.forEach((x) => x.leave());
    this.feeds = [];
  }
}
