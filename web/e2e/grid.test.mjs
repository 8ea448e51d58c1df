// However many posts are found, and however far one scrolls, the page keeps to what
// is seen. The posts are made up here: what counts is what the browser does with them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { key, logIn, openBrowser, until, url } from './stack.mjs';

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

const total = 10_000;
const page = 500; // more at once than the API gives: the list is as long, and there sooner
const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

const post = (i) => ({
  id: `made.${i}`, source: 'made', native_id: String(i), created_at: '2026-01-01T00:00:00Z', text: `post ${i}`, hashtags: [], author: {}, counts: {}, profiles: ['catalog'],
  attributes: [{ name: 'category', value: 'dress', confidence: 0.9, evidence: 'image' }], images: ['a'], rev: 1,
});

test('10,000 posts cost as many nodes and requests as a screenful', { timeout: 90_000 }, async () => {
  const tab = await logIn(browser, key);
  let [running, most, asked, searches] = [0, 0, 0, 0];
  await tab.route('**/v1/search?*', (route) => {
    searches++;
    const from = Number(new URL(route.request().url()).searchParams.get('cursor') ?? 0);
    const items = Array.from({ length: Math.min(page, total - from) }, (_, i) => post(from + i));
    const next = from + page < total ? { next_cursor: String(from + page) } : {};
    return route.fulfill({ json: { items, total, facets: {}, ...next } });
  });
  await tab.route('**/v1/posts/*/images/*', async (route) => {
    asked++;
    most = Math.max(most, ++running);
    await route.fulfill({ body: pixel, contentType: 'image/png' }).catch(() => {}); // of a tile that is gone
    running--;
  });
  await tab.goto(url + '/app/explore');
  const grid = tab.getByTestId('grid');
  await tab.locator('.tile').first().waitFor();
  const screen = await tab.evaluate(() => {
    const tile = document.querySelector('.tile').getBoundingClientRect();
    const grid = document.querySelector('[data-testid=grid]').getBoundingClientRect();
    return { columns: Math.round(grid.width / (tile.width + 12)), rows: Math.ceil(window.innerHeight / tile.height) };
  });
  // What is in sight, a row that is cut at each end, and two rows ahead on both sides.
  const tiles = screen.columns * (screen.rows + 2 + 4);
  const nodes = 12 * tiles;
  let stops = 0;
  const look = async () => {
    stops++;
    const now = await grid.evaluate((g) => ({ tiles: g.querySelectorAll('.tile').length, nodes: g.querySelectorAll('*').length, images: g.querySelectorAll('img').length }));
    assert.ok(now.tiles > 0 && now.tiles <= tiles, `${now.tiles} tiles at stop ${stops}, where ${tiles} are a screenful`);
    assert.ok(now.nodes <= nodes, `${now.nodes} nodes at stop ${stops}, where ${nodes} are a screenful`);
    assert.ok(asked <= stops * tiles, `${asked} pictures were asked for at ${stops} stops of ${tiles} tiles`);
  };
  await look();
  const last = tab.getByText(`post ${total - 1}`, { exact: true }).or(tab.locator(`a[href$="made.${total - 1}"]`));
  await until('the end of the list', async () => {
    await tab.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await look();
    return (await last.count()) > 0;
  }, 60);
  assert.equal(searches, total / page);
  await tab.evaluate(() => window.scrollTo(0, 0)); // and back again
  await tab.locator('a[href$="made.0"]').waitFor();
  await look();
  assert.ok(most <= 2 * tiles, `${most} pictures were asked for at once`);
  assert.ok(asked < total, `${asked} pictures were asked for on the way through ${total} posts`);
  assert.deepEqual(tab.problems, []);
  await tab.context().close();
});
