// Draws a tree of descriptions into the page and changes only what differs, so that
// focus, selection and scrolling survive whatever the cluster does meanwhile.
//
// Texts become text nodes and nothing is ever parsed as HTML: a name that somebody
// chose cannot become a part of the page.

export type Child = Node_ | string | number | null | undefined | false | Child[];

export interface Props {
  key?: string | number;
  class?: string;
  style?: Record<string, string>;
  /** Called with the element once it is in the page. */
  mount?: (x: HTMLElement) => void;
  /** Called when the element leaves the page. */
  unmount?: (x: HTMLElement) => void;
  [name: string]: unknown;
}

/** A description of an element, or of a text if `tag` is empty. */
export interface Node_ {
  tag: string;
  props: Props;
  children: Node_[];
  text: string;
  dom?: Node;
}

const SVG = "http://www.w3.org/2000/svg";

export function h(tag: string, props?: Props | null, ...children: Child[]): Node_ {
  const flat: Node_[] = [];
  add(flat, children);
  return { tag, props: props ?? {}, children: flat, text: "" };
}

function add(to: Node_[], xs: Child[]): void {
  for (const x of xs) {
    if (Array.isArray(x)) add(to, x);
    else if (typeof x === "string" || typeof x === "number")
      to.push({ tag: "", props: {}, children: [], text: String(x) });
    else if (x) to.push(x);
  }
}

/** Members that must be set on the element, since attributes are only defaults. */
const LIVE = new Set(["value", "checked", "disabled", "selected", "open", "readOnly"]);

function setProp(dom: HTMLElement | SVGElement, name: string, x: unknown, old: unknown) {
  if (name === "key" || name === "mount" || name === "unmount") return;
  if (name === "style") {
    const before = (old ?? {}) as Record<string, string>;
    const now = (x ?? {}) as Record<string, string>;
    for (const key in before) if (!(key in now)) dom.style.removeProperty(key);
    for (const key in now)
      if (now[key] !== before[key]) dom.style.setProperty(key, now[key]);
  } else if (name.startsWith("on")) {
    (dom as unknown as Record<string, unknown>)[name] = x ?? null;
  } else if (LIVE.has(name) && !(dom instanceof SVGElement)) {
    const at = dom as unknown as Record<string, unknown>;
    const now = x ?? (name === "value" ? "" : false);
    if (at[name] !== now) at[name] = now;
  } else if (x === undefined || x === null || x === false) {
    dom.removeAttribute(name);
  } else {
    dom.setAttribute(name, x === true ? "" : String(x));
  }
}

function create(x: Node_, svg: boolean): Node {
  if (x.tag === "") return (x.dom = document.createTextNode(x.text));
  const inSvg = svg || x.tag === "svg";
  const dom = inSvg
    ? document.createElementNS(SVG, x.tag)
    : document.createElement(x.tag);
  x.dom = dom;
  for (const child of x.children) dom.appendChild(create(child, inSvg));
  // After the children: a select takes its value from its options.
  for (const name in x.props) setProp(dom, name, x.props[name], undefined);
  const mount = x.props.mount;
  if (mount) queueMicrotask(() => mount(dom as HTMLElement));
  return dom;
}

function remove(x: Node_): void {
  unmount(x);
  x.dom?.parentNode?.removeChild(x.dom);
}

function unmount(x: Node_): void {
  x.props.unmount?.(x.dom as HTMLElement);
  x.children.forEach(unmount);
}

function update(old: Node_, now: Node_, svg: boolean): void {
  now.dom = old.dom;
  if (now.tag === "") {
    if (old.text !== now.text) (old.dom as Text).data = now.text;
    return;
  }
  const dom = old.dom as HTMLElement;
  const inSvg = svg || now.tag === "svg";
  updateChildren(dom, old.children, now.children, inSvg);
  for (const name in old.props)
    if (!(name in now.props)) setProp(dom, name, undefined, old.props[name]);
  for (const name in now.props)
    if (old.props[name] !== now.props[name] || LIVE.has(name))
      setProp(dom, name, now.props[name], old.props[name]);
}

function updateChildren(dom: Node, old: Node_[], now: Node_[], svg: boolean): void {
  const keyed = new Map<string | number, Node_>();
  const others: Node_[] = [];
  for (const x of old)
    if (x.props.key !== undefined) keyed.set(x.props.key, x);
    else others.push(x);
  let next = 0;
  const kept = new Set<Node_>();
  const partners = now.map((x) => {
    let partner: Node_ | undefined;
    if (x.props.key !== undefined) partner = keyed.get(x.props.key);
    else if (next < others.length) partner = others[next++];
    if (partner && partner.tag === x.tag && !kept.has(partner)) {
      kept.add(partner);
      return partner;
    }
    return undefined;
  });
  for (const x of old) if (!kept.has(x)) remove(x);
  let place: Node | null = dom.firstChild;
  now.forEach((x, i) => {
    const partner = partners[i];
    if (partner) update(partner, x, svg);
    else create(x, svg);
    if (x.dom === place) place = place!.nextSibling;
    else dom.insertBefore(x.dom!, place);
  });
}

/** Draws `now` as the only child of `root`, where `old` was drawn before. */
export function draw(root: Element, old: Node_ | undefined, now: Node_): void {
  if (!old) root.textContent = "";
  updateChildren(root, old ? [old] : [], [now], false);
}
