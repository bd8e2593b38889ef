// The one WebSocket of this page. A feed follows what REST answers under a path, and
// is told what changes; nothing here asks again and again.

import { Event_, Problem } from "./types";

interface Message {
  hello?: { program: string };
  follow?: number;
  now?: number;
  version?: number;
  all?: unknown;
  members?: Record<string, unknown>;
  items?: Item[];
  keys?: string[];
  events?: Event_[];
  missed?: boolean;
  problem?: Problem;
}

type Item = Record<string, unknown>;

export type Connection = "connecting" | "open" | "lost";

/** As the server has it: see `changes`. */
function keyOf(x: Item): string {
  if (typeof x.id === "string") return x.id;
  if (typeof x.name === "string") return x.name;
  return String(x.job) + (x.notBefore ? " late" : "");
}

/** What is followed, as it is now. */
export class Feed<T> {
  value?: T;
  problem?: Problem;
  /** Whether `value` is of an earlier path, or of before the connection broke. */
  stale = true;
  /** Keys of items that came with the last message. */
  fresh = new Set<string>();
  onnews?: () => void;

  constructor(private live: Live, public number: number, public path: string) {}

  /** Follows another path; what is shown stays until there is an answer. */
  change(path: string): void {
    if (path === this.path) return;
    this.path = path;
    this.stale = true;
    this.live.renew(this as Feed<unknown>);
  }

  leave(): void {
    this.live.drop(this);
  }

  take(x: Message): void {
    if (x.problem) {
      // A controller that is busy for a moment: what is shown is better than nothing.
      if (x.problem.status === 503 && this.value !== undefined) {
        this.stale = true;
        return;
      }
      this.problem = x.problem;
      this.value = undefined;
    } else {
      this.problem = undefined;
      if (x.events) this.takeEvents(x);
      else if (x.all !== undefined) this.takeAll(x.all as T);
      else this.takeChanges(x);
    }
    this.stale = false;
    this.onnews?.();
  }

  private takeAll(x: T): void {
    this.value = x;
    this.fresh.clear();
  }

  private takeChanges(x: Message): void {
    const old = this.value as { items: Item[] } | undefined;
    if (!old) return;
    const changed = new Map((x.items ?? []).map((y) => [keyOf(y), y]));
    const known = new Map(old.items.map((y) => [keyOf(y), y]));
    const keys = x.keys ?? old.items.map(keyOf);
    const items = keys.map((key) => changed.get(key) ?? known.get(key)!);
    this.fresh = new Set(changed.keys());
    this.value = { ...old, ...x.members, items } as unknown as T;
  }

  /** Events are kept newest first, as many as a page can use. */
  private takeEvents(x: Message): void {
    const old = (this.value as { items: Event_[] } | undefined)?.items ?? [];
    const last = old.length > 0 ? old[0].version : 0;
    const fresh = x.events!.filter((y) => y.version > last).reverse();
    const items = [...fresh, ...old].slice(0, 1000);
    // What is older than the first ones is not missed: it can be asked for.
    this.value = { items, missed: old.length > 0 && x.missed } as unknown as T;
  }
}

export class Live {
  connection: Connection = "connecting";
  /** When it was lost, by this computer's clock. */
  lostAt = 0;
  retryAt = 0;
  /** How much the server's clock is ahead of ours, in milliseconds. */
  ahead = 0;
  onchange: () => void = () => {};

  private socket?: WebSocket;
  private feeds = new Map<number, Feed<unknown>>();
  private next = 1;
  private tries = 0;

  start(): void {
    this.connect();
    window.addEventListener("online", () => this.retryNow());
  }

  now(): number {
    return Date.now() + this.ahead;
  }

  follow<T>(path: string): Feed<T> {
    const feed = new Feed<T>(this, this.next++, path);
    this.feeds.set(feed.number, feed as Feed<unknown>);
    this.send({ follow: feed.number, path });
    return feed;
  }

  /** Follows the feed's new path by a new number, so that what is on its way of the
   * old one is not taken for it. */
  renew(feed: Feed<unknown>): void {
    this.drop(feed);
    feed.number = this.next++;
    this.feeds.set(feed.number, feed);
    this.send({ follow: feed.number, path: feed.path });
  }

  drop(feed: Feed<never> | Feed<unknown> | { number: number }): void {
    if (this.feeds.delete(feed.number)) this.send({ leave: feed.number });
  }

  send(x: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(x));
  }

  retryNow(): void {
    if (this.connection === "lost") this.connect();
  }

  private connect(): void {
    const url = new URL("v1/live", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    const socket = new WebSocket(url);
    this.socket = socket;
    this.retryAt = 0;
    socket.onopen = () => {
      this.tries = 0;
      this.connection = "open";
      for (const x of this.feeds.values()) this.send({ follow: x.number, path: x.path });
      this.onchange();
    };
    socket.onmessage = (x) => this.take(JSON.parse(x.data as string) as Message[]);
    socket.onclose = () => this.lose(socket);
  }

  private take(xs: Message[]): void {
    for (const x of xs) {
      if (x.now) this.ahead = x.now - Date.now();
      if (x.follow !== undefined) this.feeds.get(x.follow)?.take(x);
    }
    this.onchange();
  }

  private lose(socket: WebSocket): void {
    if (socket !== this.socket) return;
    if (this.connection !== "lost") this.lostAt = Date.now();
    this.connection = "lost";
    for (const x of this.feeds.values()) {
      x.stale = true;
      // Events are told anew from their start.
      if (x.path.startsWith("/v1/events")) x.value = undefined;
    }
    // Not all pages at once when a controller is back.
    const delay = Math.min(10_000, 250 * 2 ** this.tries++) * (0.75 + Math.random() / 2);
    this.retryAt = Date.now() + delay;
    setTimeout(() => {
      if (this.socket === socket) this.connect();
    }, delay);
    this.onchange();
  }
}
