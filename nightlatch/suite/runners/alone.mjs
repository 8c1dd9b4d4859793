// Calls test functions one by one: no test framework is started or loaded, and nothing says that they are tests.
// What stands for the framework is small; whatever it lacks makes a test "untried". See edge/alone.py.
import { existsSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import Module, { createRequire, register } from "node:module";
import { dirname, extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { format, isDeepStrictEqual } from "node:util";

class Untried extends Error {}
const untried = () => {
  throw new Untried();
};

const bare = (value) => {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(bare);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined).map(([key, inner]) => [key, bare(inner)]));
};
const thrown = (call) => {
  try {
    call();
  } catch (error) {
    return { error };
  }
  return null;
};
const fits = (error, wanted) => {
  const said = error?.message ?? String(error);
  if (wanted === undefined) return true;
  if (wanted instanceof RegExp) return wanted.test(said);
  if (typeof wanted === "string") return said.includes(wanted);
  if (typeof wanted === "function") return error instanceof wanted;
  return said === wanted?.message;
};
const compares = {
  toBe: (value, wanted) => Object.is(value, wanted),
  toEqual: (value, wanted) => isDeepStrictEqual(bare(value), bare(wanted)),
  toStrictEqual: (value, wanted) => isDeepStrictEqual(value, wanted),
  toBeNull: (value) => value === null,
  toBeUndefined: (value) => value === undefined,
  toBeDefined: (value) => value !== undefined,
  toBeTruthy: (value) => Boolean(value),
  toBeFalsy: (value) => !value,
  toBeNaN: (value) => Number.isNaN(value),
  toBeCloseTo: (value, wanted, digits = 2) => Math.abs(value - wanted) < 10 ** -digits / 2,
  toBeGreaterThan: (value, wanted) => value > wanted,
  toBeGreaterThanOrEqual: (value, wanted) => value >= wanted,
  toBeLessThan: (value, wanted) => value < wanted,
  toBeLessThanOrEqual: (value, wanted) => value <= wanted,
  toBeInstanceOf: (value, wanted) => value instanceof wanted,
  toContain: (value, wanted) => (typeof value === "string" ? value.includes(wanted) : [...value].includes(wanted)),
  toContainEqual: (value, wanted) => [...value].some((inner) => isDeepStrictEqual(bare(inner), bare(wanted))),
  toHaveLength: (value, wanted) => value.length === wanted,
  toMatch: (value, wanted) => (wanted instanceof RegExp ? wanted.test(value) : String(value).includes(wanted)),
  toThrow: (value, wanted) => {
    const found = typeof value === "function" ? thrown(value) : { error: value };
    return found !== null && fits(found.error, wanted);
  },
};
compares.toThrowError = compares.toThrow;
const matchers = (value, wants) =>
  new Proxy({}, {
    get: (_, name) => {
      if (name === "not") return matchers(value, !wants);
      if (name === "resolves") return settled(Promise.resolve(value), wants);
      if (name === "rejects") return settled(Promise.resolve(typeof value === "function" ? value() : value).then(untried, (error) => error), wants);
      if (!Object.hasOwn(compares, name)) return untried;
      return (...wanted) => {
        if (compares[name](value, ...wanted) !== wants) throw new Error(`${String(name)} does not hold`);
      };
    },
  });
const settled = (promise, wants) =>
  new Proxy({}, { get: (_, name) => (name === "not" ? settled(promise, !wants) : async (...args) => matchers(await promise, wants)[name](...args)) });

class Collected {
  constructor(between) {
    this.between = between;
    this.found = [];
    this.open = [{ name: "", before: [], after: [] }];
    const one = (name, ...rest) => {
      const options = rest.find((part) => part && typeof part === "object") ?? {};
      const call = rest.find((part) => typeof part === "function");
      const odd = options.skip || options.todo || options.only || !call || typeof name !== "string";
      this.found.push({ path: [...this.open], name, call, odd: Boolean(odd) });
    };
    const group = (name, ...rest) => {
      const call = rest.find((part) => typeof part === "function");
      this.open.push({ name, before: [], after: [] });
      try {
        call?.();
      } finally {
        this.open.pop();
      }
    };
    const each = (made) => (rows, ...more) => {
      if (more.length || !Array.isArray(rows)) return untried;
      return (name, call) => {
        for (const row of rows) {
          const values = Array.isArray(row) ? row : [row];
          const places = (name.match(/%[sdifjo]/g) ?? []).length;
          const title = name.includes("$") || name.includes("%#") ? Symbol("untold") : format(name, ...values.slice(0, places));
          made(title, () => call(...values));
        }
      };
    };
    const odd = (name) => this.found.push({ path: [...this.open], name, odd: true });
    for (const made of [one, group]) Object.assign(made, { each: each(made), skip: odd, todo: odd, only: odd, fails: odd, concurrent: odd });
    const hook = (kind) => (call) => this.open.at(-1)[kind].push(call);
    const top = (kind) => (call) => this.open.at(-1)[kind].push(once(call));
    const own = { test: one, it: one, describe: group, suite: group, expect: Object.assign((value) => matchers(value, true), { any: untried }) };
    const hooks = { beforeEach: hook("before"), afterEach: hook("after"), before: top("before"), beforeAll: top("before"), after: () => {}, afterAll: () => {} };
    const stand = new Proxy({}, { get: untried });
    this.exports = { ...own, ...hooks, vi: stand, mock: stand, jest: stand };
  }

  async run() {
    const came = {};
    for (const { path, name, call, odd } of this.found) {
      const key = [...path.slice(1).map((part) => part.name), String(name)].join(this.between);
      came[key] = odd || typeof name === "symbol" || key in came ? "untried" : await outcome(path, call);
    }
    return came;
  }
}
const once = (call) => {
  let came;
  return () => (came ??= Promise.resolve(call()));
};
const outcome = async (path, call) => {
  const after = [];
  const context = new Proxy({ after: (last) => after.push(last), diagnostic: () => {}, name: "part" }, {
    get: (own, name) => (Object.hasOwn(own, name) ? own[name] : untried()),
  });
  try {
    for (const part of path) for (const hook of part.before) await hook();
    if (call.length > 1) return "untried";
    await call(context);
    for (const part of path) for (const hook of part.after) await hook();
    for (const last of after) await last();
    return "passed";
  } catch (error) {
    return error instanceof Untried ? "untried" : "failed";
  }
};

const NAMES = ["node:test", "test", "vitest", "@jest/globals"];
const KEY = Symbol.for("values");
const SOURCE = `const own = globalThis[Symbol.for("values")];
export default Object.assign((...args) => own.test(...args), own);
export const { test, it, describe, suite, expect, beforeEach, afterEach, before, beforeAll, after, afterAll, vi, mock, jest } = own;`;
const HOOKS = `const names = ${JSON.stringify(NAMES)};
let turn = 0, files = new Map();
export async function resolve(wanted, context, next) {
  if (names.includes(wanted)) return { url: "data:text/javascript," + encodeURIComponent(${JSON.stringify(SOURCE)} + "//" + turn++), shortCircuit: true };
  if (!context.parentURL?.startsWith("data:") && wanted.startsWith("file:") && wanted.includes("?part")) {
    const real = wanted.split("?")[0];
    const plain = new URL("part_" + files.size + real.slice(real.lastIndexOf(".")), real).href;
    files.set(plain, real);
    return { url: plain, shortCircuit: true };
  }
  return next(wanted, context);
}
export async function load(url, context, next) {
  const real = files.get(url);
  if (!real) return next(url, context);
  const { format, source } = await next(real, context);
  const own = format === "module" && source ? source : "import " + JSON.stringify(real);
  return { format: "module", source: own, shortCircuit: true };
}`;

const REAL = new Map();
const byNode = async (file, exports) => {
  globalThis[KEY] = exports;
  try {
    await import(`${pathToFileURL(file)}?part`);
  } finally {
    delete globalThis[KEY];
  }
};
const byVite = async (server, file, exports) => {
  globalThis[KEY] = exports;
  try {
    const plain = join(dirname(file), `part_${REAL.size}${extname(file)}`);
    REAL.set(plain, file);
    await server.ssrLoadModule(plain);
  } finally {
    delete globalThis[KEY];
  }
};
const viteServer = async () => {
  const own = createRequire(join(process.cwd(), "package.json"));
  const place = createRequire(own.resolve("vitest/package.json")).resolve("vite/package.json");
  const { createServer } = await import(pathToFileURL(join(dirname(place), "dist/node/index.js")));
  const stand = {
    name: "values",
    enforce: "pre",
    resolveId: (id) => (NAMES.includes(id) ? "\0values" : REAL.has(id) ? id : undefined),
    load: (id) => (id === "\0values" ? SOURCE : REAL.has(id) ? readFileSync(REAL.get(id), "utf8") : undefined),
  };
  const quiet = { logLevel: "silent", cacheDir: join(process.cwd(), "node_modules/.vite"), optimizeDeps: { noDiscovery: true, include: [] } };
  return createServer({ ...quiet, server: { middlewareMode: true, hmr: false, watch: null }, appType: "custom", plugins: [stand], ssr: { noExternal: NAMES } });
};

export const every = async ({ files, between, vite }) => {
  const had = process.env.NODE_ENV;
  const server = vite ? await viteServer() : null;
  if (had === undefined) delete process.env.NODE_ENV;
  if (!server) {
    register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
    const usual = Module._load;
    Module._load = (name, ...rest) => (NAMES.includes(name) && globalThis[KEY] ? globalThis[KEY].whole : usual(name, ...rest));
  }
  const came = {};
  for (const file of files) {
    const collected = new Collected(between);
    const { exports } = collected;
    exports.whole = Object.assign((...args) => exports.test(...args), exports);
    try {
      const place = join(process.cwd(), file);
      await (server ? byVite(server, place, exports) : byNode(place, exports));
      for (const [name, told] of Object.entries(await collected.run())) came[`${file}::${name}`] = told;
    } catch (error) {
      if (!(error instanceof Untried)) came[`${file}::*`] = "failed"; // it loads where it is watched
    }
  }
  await server?.close();
  return came;
};

export const main = async () => {
  const here = dirname(process.argv[1]);
  const work = JSON.parse(readFileSync(join(here, "in"), "utf8"));
  for (const left of ["in", "main.mjs"]) if (existsSync(join(here, left))) unlinkSync(join(here, left));
  const came = await every(work);
  writeFileSync(join(here, "out"), JSON.stringify(came));
  process.exit(0);
};
