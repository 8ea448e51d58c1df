// What the tests share: the browser, the API as an admin sees it, and waiting for facts.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const url = process.env.WEFT_URL;
export const key = process.env.WEFT_KEY;
const shots = process.env.WEFT_SHOTS; // a folder for screenshots; none: none are taken

if (!url || !key) throw new Error('WEFT_URL and WEFT_KEY say where the stack under test is, and an admin’s key');

export async function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
}

/** Asks the API itself: what a page says is held against what the stores hold. */
export async function api(path, { method = 'GET', body, as = key } = {}) {
  const r = await fetch(url + path, { method, headers: { Authorization: `Bearer ${as}`, ...(body ? { 'Content-Type': 'application/json' } : {}) }, body: body && JSON.stringify(body) });
  const text = await r.text();
  if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export const newKey = async (name, role) => (await api('/v1/keys', { method: 'POST', body: { name, role } })).secret;

/** A page of somebody who has logged in through the form. */
export async function logIn(browser, secret, { scheme = 'light', width = 1366, height = 820 } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height }, locale: 'en-GB', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(12_000);
  page.problems = [];
  page.on('pageerror', (e) => page.problems.push(String(e)));
  page.on('console', (m) => m.type() === 'error' && page.problems.push(m.text()));
  await page.goto(url + '/app/');
  await page.getByPlaceholder('weft_…').fill(secret);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  page.problems.length = 0; // that nobody was logged in the browser calls an error
  return page;
}

/** Waits until something is so, and says what it was last if it never is. */
export async function until(what, ask, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < end) {
    last = await ask();
    if (last) return last;
    await new Promise((r) => setTimeout(r, 100));
  }
  throw new Error(`not within ${seconds} s: ${what}; last: ${JSON.stringify(last)}`);
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe calls serious or worse, with where it is. */
export async function serious(page) {
  await page.evaluate(axe); // by the debugger: the page itself may run no such script
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary?.split('\n')[1] ?? ''}`).slice(0, 4).join(' | ')}`);
}

/** Waits until every picture in view has come, or has turned out not to come. */
export const pictured = (page) =>
  until('the pictures in view have come', () =>
    page.evaluate(() =>
      [...document.images].every((img) => {
        const r = img.getBoundingClientRect();
        const inView = r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth;
        return !inView || (img.complete && (img.naturalWidth > 0 || !img.src));
      }),
    ),
  );

export async function shoot(page, name, { whole = false } = {}) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  const size = page.viewportSize();
  if (whole) await page.setViewportSize({ ...size, height: await page.evaluate(() => document.documentElement.scrollHeight) });
  await page.screenshot({ path: join(shots, name + '.png') });
  await page.setViewportSize(size);
}
