// Numbers, amounts and times as people read them.

export function count(x: number): string {
  return x.toLocaleString("en-GB");
}

export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** Three digits that mean something: `0.25`, `3.5`, `128`, `12,400`. */
export function figure(x: number): string {
  if (x === 0) return "0";
  const digits = Math.abs(x) >= 100 ? 0 : Math.abs(x) >= 10 ? 1 : 2;
  return x.toLocaleString("en-GB", { maximumFractionDigits: digits });
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(x: number): string {
  let unit = 0;
  while (Math.abs(x) >= 1024 && unit < UNITS.length - 1) {
    x /= 1024;
    ++unit;
  }
  return `${figure(x)} ${UNITS[unit]}`;
}

export function percent(part: number, all: number): string {
  if (all <= 0) return "–";
  const x = (100 * part) / all;
  return x > 0 && x < 1 ? "< 1 %" : `${Math.round(x)} %`;
}

/** `4 s`, `3 min`, `2 h 10 min`, `5 d`. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 1) return "< 1 s";
  if (s < 60) return `${Math.floor(s)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 10) return `${minutes} min ${Math.floor(s % 60)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function timeOfDay(x: string | number): string {
  return clock.format(new Date(x));
}

export function fullTime(x: string | number): string {
  return day.format(new Date(x));
}

/** `insufficientCpu` as `insufficient cpu`. */
export function words(camel: string): string {
  return camel.replace(/([A-Z])/g, (_, x: string) => " " + x.toLowerCase());
}
