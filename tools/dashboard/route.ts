// Where in the dashboard we are: `#/tasks/web.0?tab=logs`. Every view can be linked.

export interface Route {
  /** `tasks` of `#/tasks/web.0`. */
  view: string;
  /** `web.0`, empty for a list. */
  name: string;
  query: Record<string, string>;
}

export function parse(hash: string): Route {
  const [path, search] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view, ...rest] = path.split("/");
  const query: Record<string, string> = {};
  new URLSearchParams(search ?? "").forEach((x, key) => (query[key] = x));
  let name = rest.join("/");
  try {
    name = decodeURIComponent(name);
  } catch {
    // A broken link: it names something that does not exist.
  }
  return { view: view || "overview", name, query };
}

export function link(view: string, name = "", query: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const key in query) if (query[key]) search.set(key, query[key]!);
  const text = search.toString();
  return `#/${view}${name ? "/" + encodeURIComponent(name) : ""}${text ? "?" + text : ""}`;
}

export function go(to: string): void {
  location.hash = to;
}

/** Changes the address without a step in the history: for what is being typed. */
export function replace(to: string): void {
  history.replaceState(null, "", to);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}
