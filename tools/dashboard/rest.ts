// Everything that changes something goes by REST, as from any other client.

import { Problem } from "./types";

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** `/v1/jobs/x` below wherever this page came from. */
export function address(path: string): string {
  return new URL(path.replace(/^\//, ""), document.baseURI.split("#")[0]).href;
}

export async function problemOf(answer: Response): Promise<Problem> {
  const text = await answer.text();
  try {
    const body = JSON.parse(text) as Problem;
    if (typeof body.detail === "string") return body;
  } catch {
    // Not ours: a proxy, most likely.
  }
  return { status: answer.status, title: answer.statusText, detail: text.slice(0, 500) };
}

/** The answer. Throws `Refused` with what the server says, or why there is none. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address(path), {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
  } catch {
    throw new Refused({
      status: 0,
      title: "No answer",
      detail: "The controller cannot be reached. Whether it has heard this is not known; look before you repeat it.",
    });
  }
  if (!answer.ok) throw new Refused(await problemOf(answer));
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export function segment(x: string): string {
  return encodeURIComponent(x);
}

/** `path` with the parameters that are not empty. */
export function query(path: string, parameters: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const key in parameters) {
    const x = parameters[key];
    if (x !== undefined && x !== "") search.set(key, String(x));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}
