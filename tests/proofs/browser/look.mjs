// Looks at pages in a real Chromium: node look.mjs NODE_MODULES CHROMIUM OUT first|whole PAGE... prints one JSON
// object for each view of each page, and leaves a picture of its first screen, or also of the whole page.
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { createRequire } from "node:module";

const [modules, chromium, out, how, ...pages] = process.argv.slice(2);
const require = createRequire(resolve(modules, "x.js"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(resolve(modules, "axe-core/axe.min.js"), "utf-8");
const SIZES = [[360, 740], [768, 1024], [1280, 800]];

const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] });
const tab = await browser.newPage();
const heard = [];
tab.on("request", (request) => heard.push(request.url().slice(0, 300)));
tab.on("console", (message) => heard.push(`console: ${message.text()}`));
tab.on("dialog", (dialog) => { heard.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });

const seen = (height) => {
  const shown = [...document.querySelectorAll("[data-q]")].filter((one) => one.getBoundingClientRect().bottom <= height);
  const wide = [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".wide, svg, nav"));
  return {
    answers: [...new Set(shown.flatMap((one) => one.dataset.q.split(" ").map(Number)))].sort((a, b) => a - b),
    wide: wide.map((one) => one.outerHTML.slice(0, 120)), overflow: document.documentElement.scrollWidth - innerWidth,
    styled: getComputedStyle(document.querySelector(".state")).listStyleType, height: document.documentElement.scrollHeight,
    links: [...document.querySelectorAll("a[href^='#']")].filter((a) => !document.querySelector(a.getAttribute("href"))).length,
    order: [...document.querySelectorAll("h1,h2,h3,a,summary,[tabindex]")].map((one) => one.tabIndex).filter((n) => n > 0).length,
  };
};

for (const page of pages) {
  for (const [width, height] of SIZES) {
    for (const scheme of ["light", "dark"]) {
      heard.length = 0;
      await tab.setViewport({ width, height });
      await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await tab.setJavaScriptEnabled(false);
      await tab.goto(`file://${page}`);
      const told = await tab.evaluate(seen, height);
      const name = `${basename(page, ".html")}-${width}-${scheme}`;
      await tab.screenshot({ path: `${out}/${name}-first.png` });
      if (how === "whole") await tab.screenshot({ path: `${out}/${name}.png`, clip: { x: 0, y: 0, width, height: Math.min(told.height, 6000) } });
      const requests = [...heard];
      await tab.setJavaScriptEnabled(true);
      await tab.evaluate(axe);
      const found = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      const axed = found.violations.map((v) => ({ id: v.id, impact: v.impact, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)) }));
      console.log(JSON.stringify({ page: basename(page, ".html"), file: page, width, scheme, requests, axe: axed, ...told }));
    }
  }
}
await browser.close();
