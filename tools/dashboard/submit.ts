import { h, Node_ } from "./dom";
import { button, jobLink, panel, problem } from "./parts";
import { call, Refused } from "./rest";
import { Problem } from "./types";
import { View } from "./view";

const EXAMPLES: Record<string, string> = {
  "A program": `{
  "name": "hello",
  "command": ["sh", "-c", "echo hello; sleep 5"],
  "kind": "batch",
  "count": 3
}`,
  "A service": `{
  "name": "ticker",
  "command": ["sh", "-c", "while :; do date; sleep 1; done"],
  "kind": "service",
  "cpu": 0.1,
  "memory": "32MiB"
}`,
  "A container": `{
  "name": "web",
  "image": "nginx:alpine",
  "cpu": 0.5,
  "memory": "128MiB",
  "ports": {"http": 80}
}`,
};

interface Submitted {
  jobs: { name: string; version: number; tasks: number }[];
}

/** Comments and trailing commas are for files; REST takes neither. */
function strict(text: string): string {
  const quoted = '"(?:\\\\.|[^"\\\\])*"';
  const comments = new RegExp(`${quoted}|//[^\\n]*|/\\*[\\s\\S]*?\\*/`, "g");
  const commas = new RegExp(`${quoted}|,(?=\\s*[}\\]])`, "g");
  return text.replace(comments, (x) => (x.startsWith('"') ? x : " "))
    .replace(commas, (x) => (x.startsWith('"') ? x : ""));
}

/** A job, written here or dropped here. */
export class SubmitView extends View {
  private text = EXAMPLES["A program"];
  private problem?: Problem;
  private done?: Submitted;
  private rehearsed = false;
  private busy = false;

  title() {
    return "Submit a job";
  }

  draw(): Node_ {
    return h("div", null,
      h("header", { class: "head" }, h("h1", null, "Submit a job")),
      panel("",
        h("p", { class: "actions" }, h("span", { class: "quiet" }, "Begin with "),
          Object.keys(EXAMPLES).map((x) => button(x, () => this.set(EXAMPLES[x])))),
        h("form", { onsubmit: (e: Event) => { e.preventDefault(); this.send(false); } },
          h("label", { class: "hidden", for: "job" }, "Job as JSON"),
          h("textarea", {
            id: "job", name: "job", rows: "18", spellcheck: "false", value: this.text,
            oninput: (e: Event) => { this.text = (e.target as HTMLTextAreaElement).value; },
          }),
          h("p", { class: "actions" },
            h("button", { type: "submit", class: "primary", disabled: this.busy }, "Submit"),
            button("Check only", () => this.send(true), "", { disabled: this.busy }),
            h("span", { class: "quiet" }, "An object, an array, or {\"jobs\": [..]}; comments are fine."))),
        this.problem && problem(this.problem),
        this.done && h("div", { class: "success", role: "status" },
          h("b", null, this.rehearsed ? "This would be accepted:" : "Submitted:"),
          h("ul", null, this.done.jobs.map((x) => h("li", { key: x.name },
            this.rehearsed ? x.name : jobLink(x.name), `, ${x.tasks} task${x.tasks === 1 ? "" : "s"}`))))));
  }

  private set(text: string) {
    this.text = text;
    this.problem = this.done = undefined;
    this.app.redraw();
  }

  private async send(rehearse: boolean) {
    this.busy = true;
    this.problem = this.done = undefined;
    this.rehearsed = rehearse;
    this.app.redraw();
    try {
      this.done = await call<Submitted>("POST", `/v1/jobs${rehearse ? "?dryRun=true" : ""}`, strict(this.text));
      if (!rehearse) this.app.say(`Submitted ${this.done.jobs.map((x) => x.name).join(", ")}`, "done");
    } catch (x) {
      this.problem = x instanceof Refused ? x.problem : { status: 0, title: "Not sent", detail: String(x) };
    }
    this.busy = false;
    this.app.redraw();
  }
}
