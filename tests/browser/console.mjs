// Clicks through the console as an operator does: wide and narrow, light and dark, with the keyboard.
// CONSOLE_URL, CONSOLE_TOKEN, CONSOLE_ORDER: where, with what, and an order that is there.
// CONSOLE_CHROMIUM: the browser. CONSOLE_PICTURES: where pictures go, if anywhere.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const { CONSOLE_URL, CONSOLE_TOKEN, CONSOLE_ORDER, CONSOLE_PICTURES, CONSOLE_MODULES } = process.env;
const require = createRequire(join(CONSOLE_MODULES ?? import.meta.dirname, "index.js"));
const { chromium } = require("playwright-core");

const WIDE = { width: 1360, height: 860 };
const NARROW = { width: 390, height: 844 };
const PAGES = ["/", "/topics", "/topics/order.paid", "/views", "/views/views.orders", `/orders/${CONSOLE_ORDER}`,
  `/views/views.orders/${CONSOLE_ORDER}`, "/dead-letters", "/outbox", "/engines", "/operations"];

const browser = await chromium.launch({
  executablePath: process.env.CONSOLE_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const wrong = [];
const pictures = [];

// A browser window in which anything odd is kept: errors, refusals by the policy, requests to elsewhere.
async function open(viewport, colorScheme, options = {}) {
  const context = await browser.newContext({ viewport, colorScheme, baseURL: CONSOLE_URL, ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on("console", (message) => {
    // The sign-in page's refusal of a wrong token is an answer like others.
    if (message.type() === "error" && !message.text().includes("403 (Forbidden)")) wrong.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(CONSOLE_URL)) wrong.push(`${page.url()} asks ${request.url()}`);
  });
  return page;
}

async function signIn(page) {
  await page.goto("/");
  await page.getByLabel("Admin token").fill("not the token");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Admin token").fill(CONSOLE_TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "The belt" }).waitFor();
}

async function picture(page, name) {
  if (!CONSOLE_PICTURES) return;
  await page.screenshot({ path: join(CONSOLE_PICTURES, `${name}.png`) });
  pictures.push(name);
}

// With half a minute of each curve.
async function beltPicture(page, name) {
  if (!CONSOLE_PICTURES) return;
  await page.waitForFunction(() => document.querySelector(".services polyline")?.points.length >= 30);
  await picture(page, name);
}

// What every page must be: within the width of the screen, with landmarks, one heading, and a name for each control.
async function isSound(page, path) {
  const found = await page.evaluate(() => ({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    headings: document.querySelectorAll("h1").length,
    landmarks: ["header", "main", "nav"].filter((name) => !document.querySelector(name)),
    nameless: [...document.querySelectorAll("input:not([type=hidden]), select, button, a")]
      .filter((control) => !(control.labels?.length || control.textContent.trim() || control.ariaLabel))
      .map((control) => control.outerHTML),
    inline: document.querySelectorAll("[style], script:not([src])").length,
  }));
  assert.deepEqual(found, { overflow: 0, headings: 1, landmarks: [], nameless: [], inline: 0 }, path);
}

// The ratio of the WCAG between text and what is behind it, for all text of the page; the worst one.
async function contrast(page) {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const parts = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return canvas.getImageData(0, 0, 1, 1).data;
    };
    const light = ([r, g, b]) => [r, g, b]
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const color = parts(getComputedStyle(at).backgroundColor);
        if (color[3] === 255) return color;
      }
      return [255, 255, 255];
    };
    let worst = { ratio: 21 };
    for (const element of document.querySelectorAll("main *, header *")) {
      const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (!text || !element.checkVisibility() || element.closest(".unseen")) continue;
      const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      if (ratio < worst.ratio) worst = { ratio, element: element.outerHTML.slice(0, 200) };
    }
    return worst;
  });
}

async function belt(page) {
  await page.goto("/");
  const stored = page.locator(".services .rate strong");
  await page.waitForFunction(() => Number(document.querySelector(".services .rate strong")?.textContent) > 0);
  const records = page.locator(".topics dd").nth(1);
  const before = await records.textContent();
  await page.waitForFunction((before) => document.querySelectorAll(".topics dd")[1].textContent !== before, before);
  assert.ok(await stored.textContent());
  await page.getByRole("link", { name: "query-consumer has given up 1 event" }).waitFor();
}

// Every page by the keyboard alone: the first Tab is the way past the navigation.
async function keyboard(page) {
  await page.goto("/topics");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "user.created");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "user.created" }).waitFor();
}

async function topics(page) {
  await page.goto("/topics");
  await page.getByRole("link", { name: "order.paid", exact: true }).click();
  await page.getByLabel("Aggregate id").fill(CONSOLE_ORDER);
  await page.getByRole("button", { name: "Search" }).click();
  await page.locator(".records summary").first().click();
  await page.getByText("payment_method").waitFor();
  await picture(page, "topic");
  await page.getByRole("link", { name: "Headers and more" }).first().click();
  await page.getByText("ce_sequence").waitFor();
}

async function journey(page) {
  await page.goto("/");
  await page.getByLabel("Order").fill(CONSOLE_ORDER);
  await page.getByRole("button", { name: "Trace" }).click();
  await page.getByRole("heading", { level: 1, name: `Order ${CONSOLE_ORDER}` }).waitFor();
  assert.equal(await page.getByText("In the view").count(), 3);
  await picture(page, "order");
  await page.getByRole("link", { name: "Its document" }).click();
  await page.getByRole("heading", { name: "History" }).waitFor();
  await picture(page, "view");
}

async function deadLetter(page) {
  await page.goto("/dead-letters");
  await page.getByLabel("State").selectOption("open");
  await page.waitForURL(/state=open/);
  await page.getByRole("link", { name: "user.updated.dlq/" }).last().click();
  await page.getByRole("heading", { name: "What a redrive would do" }).waitFor();
  assert.match(await page.locator(".diff").textContent(), /- .*"Ana"[^]*\+ .*"Ana Souza Lima"/);
  await picture(page, "dead-letter");
  await page.getByRole("button", { name: "Redrive" }).click();
  await page.waitForFunction(async () => {
    if (document.querySelector(".state-applied")) return true;
    if (!document.querySelector(".state-redriving")) return false;
    const text = await (await fetch(location.href)).text();
    if (text.includes("state-applied")) location.reload();
    return false;
  }, undefined, { polling: 300 });
}

async function discard(page) {
  await page.goto("/dead-letters?state=open");
  await page.getByRole("link", { name: "user.updated.dlq/" }).last().click();
  await page.getByLabel("Why it is given up").fill("a faulty import");
  page.once("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Discard" }).click();
  await page.locator(".state-discarded").waitFor();
  await page.goto("/dead-letters?state=open");
  await page.getByText("None that match.").waitFor();
}

async function rebuild(page) {
  await page.goto("/operations");
  page.once("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Rebuild" }).click();
  await page.getByText("done", { exact: true }).waitFor();
  await page.getByText("Replaced").waitFor();
}

// A browser has six connections to a host, and each live tab that is seen has one of them.
async function manyTabs() {
  const first = await open(WIDE, "light");
  await signIn(first);
  const see = (page, hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  for (let tab = 0; tab < 10; tab += 1) {
    const page = await first.context().newPage();
    await page.goto("/");
    await page.locator('[data-connection="open"]').waitFor();
    await see(page, true);
  }
  const before = await first.locator(".headline").textContent();
  await first.waitForFunction((before) => document.querySelector(".headline").textContent !== before, before);
  await see(first, true);
  await see(first, false);
  const back = await first.locator(".headline").textContent();
  await first.waitForFunction((before) => document.querySelector(".headline").textContent !== before, back);
  await first.context().close();
}

async function withoutScript() {
  const page = await open(WIDE, "light", { javaScriptEnabled: false });
  await signIn(page);
  for (const path of PAGES) await page.goto(path);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByRole("heading", { name: "Verify" }).waitFor();
}

try {
  const wide = await open(WIDE, "light");
  await signIn(wide);
  await belt(wide);
  await beltPicture(wide, "belt");
  await keyboard(wide);
  await topics(wide);
  await journey(wide);
  await deadLetter(wide);

  for (const [name, viewport] of [["desktop", WIDE], ["phone", NARROW]]) {
    for (const scheme of ["light", "dark"]) {
      const page = await open(viewport, scheme, { deviceScaleFactor: 1 });
      await signIn(page);
      for (const path of PAGES) {
        await page.goto(path);
        await isSound(page, `${path}, ${name}, ${scheme}`);
        const { ratio, element } = await contrast(page);
        assert.ok(ratio >= 4.5, `${path}, ${name}, ${scheme}: contrast ${ratio} of ${element}`);
      }
      await belt(page);
      if (name === "phone" && scheme === "dark") {
        await beltPicture(page, "belt-phone-dark");
      }
      await page.context().close();
    }
  }
  await discard(wide);
  await rebuild(wide);
  await manyTabs();
  await withoutScript();
  assert.deepEqual(wrong, []);
  console.log(`the console works in ${browser.browserType().name()} ${browser.version()}${pictures.length ? `; pictures: ${pictures.join(", ")}` : ""}`);
} catch (error) {
  console.error(error);
  if (wrong.length) console.error("besides:", wrong);
  process.exitCode = 1;
} finally {
  await browser.close();
}
