// Opens the views in Mongo Express as somebody does who looks for an order.
// VIEWS_URL, VIEWS_USER, VIEWS_PASSWORD, VIEWS_DATABASE: where, as whom, and what. VIEWS_ORDER: the order as the query API shows it.
// VIEWS_CHROMIUM: the browser. VIEWS_PICTURES: where a picture goes, if anywhere.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const { VIEWS_URL, VIEWS_USER, VIEWS_PASSWORD, VIEWS_DATABASE, VIEWS_ORDER, VIEWS_PICTURES, VIEWS_MODULES } = process.env;
const require = createRequire(join(VIEWS_MODULES ?? import.meta.dirname, "index.js"));
const { chromium } = require("playwright-core");
const order = JSON.parse(VIEWS_ORDER);

const browser = await chromium.launch({
  executablePath: process.env.VIEWS_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
try {
  const context = await browser.newContext({
    baseURL: VIEWS_URL,
    viewport: { width: 1360, height: 860 },
    httpCredentials: { username: VIEWS_USER, password: VIEWS_PASSWORD },
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();

  await page.goto(`/db/${VIEWS_DATABASE}/`);
  for (const view of ["views.orders", "views.products", "views.users"]) {
    await page.getByRole("link", { name: view, exact: true }).waitFor();
  }

  await page.getByRole("link", { name: "views.orders", exact: true }).click();
  await page.waitForURL(/views\.orders/);
  await page.locator("tbody tr").first().waitFor();
  const columns = await page.locator("th[data-column]").evaluateAll((heads) => heads.map((head) => head.dataset.column));
  const row = page.locator(`tr[onclick$="/${order.id}')"]`);
  await row.waitFor();
  const cells = await row.locator("td").allInnerTexts();
  const cell = (name) => {
    assert.ok(columns.includes(name), `${name} is no column: ${columns}`);
    assert.equal(cells.length, columns.length, `${columns}: ${cells}`);
    return cells[columns.indexOf(name)].trim();
  };
  assert.equal(cell("_id"), String(order.id));
  assert.equal(cell("status"), order.status);
  assert.equal(Number(cell("total_amount")), order.total);
  assert.match(cell("user"), new RegExp(order.user.name));
  // Folded up in a list.
  assert.equal(cell("items").match(/⊕/g).length, order.items.length);
  if (VIEWS_PICTURES) await page.screenshot({ path: join(VIEWS_PICTURES, "mongo-express.png") });

  await row.click();
  await page.waitForURL(/views\.orders\/.+/);
  const text = await page.evaluate(() => document.querySelector(".CodeMirror")?.CodeMirror.getValue() ?? document.querySelector("textarea").value);
  for (const part of [`_id: ${order.id}`, `status: '${order.status}'`, order.user.email, order.items[0].product.name]) {
    assert.ok(text.includes(part), `${part} is not in ${text}`);
  }
  console.log(`Mongo Express shows order ${order.id} of ${VIEWS_DATABASE} in ${columns.length} columns and as a document`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
