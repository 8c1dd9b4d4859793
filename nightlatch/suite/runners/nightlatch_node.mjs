// A reporter for node --test: one line of JSON for every result, with the test's file, which node's own reports leave out.
import { relative, resolve } from "node:path";

const line = (item) => JSON.stringify(item) + "\n";

export default async function* report(events) {
  const titles = new Map();
  for await (const { type, data } of events) {
    if (!["test:start", "test:pass", "test:fail"].includes(type)) continue;
    const place = data.file ? relative(process.cwd(), data.file) : "";
    const above = titles.get(place) ?? titles.set(place, []).get(place);
    above.length = data.nesting;
    above[data.nesting] = data.name;
    if (type === "test:start" || data.details?.type === "suite") continue;
    const whole = data.nesting === 0 && resolve(data.name) === data.file;
    const kept = data.skip !== undefined || data.todo !== undefined ? "skipped" : type === "test:pass" ? "passed" : "failed";
    if (whole && type === "test:fail") yield line({ uncollected: place });
    else yield line({ id: whole ? place : [place, ...above].join("::"), result: kept });
  }
  yield line({ end: 0 });
}
