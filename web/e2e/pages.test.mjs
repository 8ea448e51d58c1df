// Every page, light and dark: it shows something, breaks no rule of accessibility
// that counts, and reports no error.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api, key, logIn, newKey, openBrowser, pictured, serious, shoot, until, url } from './stack.mjs';

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

async function pages() {
  const hit = (await api('/v1/search?limit=1&attribute=category:dress&profile=tendencies')).items[0];
  const since = new Date(Date.now() - 40 * 86_400_000).toISOString().slice(0, 10);
  return [
    ['overview', '/', 'per 1,000 posts'],
    ['explore', '/explore?attribute=category:dress', 'posts'],
    ['trends', `/trends?name=color&value=black&profile=tendencies&bucket=week&since=${since}`, 'Numbers'],
    ['post', `/post/${hit.id}`, 'generation 1'],
    ['label', '/label', 'Hand in'],
    ['quality-progress', '/quality', 'Answers by hour'],
    ['quality-agreement', '/quality?view=agreement', 'Labelers’ work'],
    ['quality-labelers', '/quality?view=labelers', 'Labelers’ work'],
    ['quality-disputed', '/quality?view=disputed', 'Labelers’ work'],
    ['quality-gold', '/quality?view=gold', 'Right answer'],
    ['campaigns', '/campaigns', 'Campaigns'],
    ['profiles', '/profiles', 'quality'],
    ['profile', '/profiles/catalog', 'No mistakes'],
    ['sources', '/sources', 'Sources'],
    ['runs', '/runs', 'Why'],
    ['settings', '/settings', 'What was done last'],
  ];
}

for (const scheme of ['light', 'dark']) {
  test(`every page in ${scheme}`, async () => {
    const page = await logIn(browser, key, { scheme });
    const wrong = [];
    for (const [name, path, text] of await pages()) {
      await page.goto(url + '/app' + path);
      await page.getByText(text).first().waitFor().catch(() => wrong.push(`${name}: “${text}” never shows`));
      await page.waitForLoadState('networkidle');
      await pictured(page);
      await shoot(page, `${name}-${scheme}`, { whole: name === 'overview' });
      for (const v of await serious(page)) wrong.push(`${name}: ${v}`);
    }
    wrong.push(...page.problems);
    assert.deepEqual(wrong, []);
    await page.context().close();
  });
}

/** The cells of a table once it is there, row by row, each under its column's name: all of one moment. */
async function cells(page, label) {
  const table = page.getByRole('table', { name: label, exact: true });
  await table.waitFor();
  return table.evaluate((t) => {
    const [names, ...rows] = [...t.rows].map((r) => [...r.cells].map((c) => c.textContent));
    return rows.map((r) => Object.fromEntries(r.map((text, i) => [names[i], text])));
  });
}

const words = { advance: 'went on', done: 'done', dropped: 'dropped', park: 'wait for people', wait: 'waited', retry: 'tried again', failed: 'failed' };

/** What a table of posts by a key and outcome must say. */
function expected(rows, first, nameOf) {
  const shown = Object.keys(words).filter((o) => rows.some((r) => r.outcome === o));
  return [...new Set(rows.map(nameOf))].map((name) => ({
    [first]: name,
    ...Object.fromEntries(shown.map((o) => {
      const of = rows.filter((r) => nameOf(r) === name && r.outcome === o);
      return [words[o], of.length ? String(of.reduce((n, r) => n + r.n, 0)) : '–'];
    })),
  }));
}

test('the overview shows what the API holds', async () => {
  const page = await logIn(browser, await newKey('olga', 'analyst'));
  const steps = ['fetch', 'analyze-light', 'analyze-heavy', 'label', 'index', 'archive'];
  const since = new Date(Date.now() - 23 * 3_600_000).toISOString();
  const load = async (query = '') => (await api(`/v1/activity?since=${since}${query}`)).items;
  const same = async (what, label, want) => {
    let wanted, shown;
    await until(what, async () => {
      wanted = JSON.stringify(await want());
      shown = JSON.stringify(await cells(page, label));
      return wanted === shown;
    }).catch((e) => assert.equal(shown, wanted, `${what}: ${e.message}`));
    return JSON.parse(shown);
  };
  const inOrder = (rows) => [...rows].sort((a, b) => steps.indexOf(a.step) - steps.indexOf(b.step));

  const all = await same('posts by step and outcome', 'Posts by step and outcome', async () => expected(inOrder(await load()), 'Step', (r) => r.step));
  assert.deepEqual(all.map((r) => r.Step), steps, 'the demo passes every step');
  await page.getByRole('img', { name: 'Posts per hour by outcome, every step' }).waitFor();

  // Of one step and use case, by the hour; the address says which.
  await page.getByRole('combobox', { name: 'Step' }).click();
  await page.getByRole('option', { name: 'analyze-light' }).click();
  await page.getByRole('combobox', { name: 'Use case' }).click();
  await page.getByRole('option', { name: 'tendencies' }).click();
  await page.waitForURL(/step=analyze-light/);
  assert.match(page.url(), /profile=tendencies/);
  await page.getByRole('img', { name: 'Posts per hour by outcome, analyze-light' }).waitFor();
  const light = async () => (await load('&profile=tendencies')).filter((r) => r.step === 'analyze-light');
  await same('one step of one use case', 'Posts by step and outcome', async () => expected(await light(), 'Step', (r) => r.step));
  await page.getByRole('button', { name: 'Numbers by hour' }).click();
  const local = (r) => new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(r.hour));
  const hours = await same('the same by hour', 'Posts by hour and outcome', async () => expected((await light()).reverse(), 'Hour from', local));
  assert.ok(hours.length > 0, 'no hour has posts');

  // What it cost: one line for each step and use case that cost anything.
  await page.goto(url + '/app/');
  const spent = new Set((await load()).filter((r) => r.cost > 0).map((r) => `${r.step} ${r.profile}`));
  const costs = await cells(page, 'Cost by step and use case');
  assert.deepEqual(new Set(costs.map((c) => `${c.Step} ${c['Use case']}`)), spent);
  assert.ok(costs.length > 1 && costs.every((c) => /^[0-9.]+ (s|min|h)$/.test(c['CPU time'])), JSON.stringify(costs));

  // What failed, and from there to why.
  const failed = (await api('/v1/runs/counts')).items.filter((c) => c.state === 'failed');
  assert.ok(failed.length > 0, 'nothing has failed');
  const failures = await cells(page, 'Failures by step and use case');
  for (const f of failed) {
    const row = failures.find((r) => r.Step === f.step && r['Use case'] === f.profile);
    const ended = (await load(`&profile=${f.profile}`)).filter((r) => r.step === f.step && r.outcome === 'failed').reduce((n, r) => n + r.n, 0);
    assert.deepEqual([row?.['Stand failed now'], row?.Failed], [String(f.n), String(ended)], `${f.step} of ${f.profile}`);
  }
  await page.getByRole('link', { name: `${failed[0].n} failed runs of ${failed[0].profile} at ${failed[0].step}: why` }).click();
  await page.waitForURL(new RegExp(`/app/runs\\?state=failed&step=${failed[0].step}&profile=${failed[0].profile}`));
  const { items } = await api(`/v1/runs?state=failed&step=${failed[0].step}&profile=${failed[0].profile}`);
  await page.getByText(items[0].error || items[0].reason).first().waitFor();
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('the overview says when there is nothing, and when it can’t be known', async () => {
  const page = await logIn(browser, key);
  let broken = false;
  await page.route('**/v1/activity*', (r) => (broken ? r.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'the documents do not answer' }) }) : r.fulfill({ json: { items: [] } })));
  await page.goto(url + '/app/?hours=48');
  await page.getByText('Nothing happened in this time').waitFor();
  await page.getByText('Nothing was spent in this time').waitFor();
  assert.deepEqual(await serious(page), []);
  broken = true;
  await page.goto(url + '/app/?hours=168');
  await page.getByRole('alert').getByText('The documents do not answer.').first().waitFor();
  broken = false;
  await page.getByRole('button', { name: 'Try again' }).first().click();
  await page.getByText('Nothing happened in this time').waitFor();
  await page.context().close();
});

test('the login, by keyboard', async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(url + '/app/explore?q=dress');
  await page.getByPlaceholder('weft_…').waitFor();
  assert.deepEqual(await serious(page), []);
  await page.keyboard.type('weft_0000000000_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('There is no such key').waitFor();
  await page.getByPlaceholder('weft_…').fill(key);
  await page.keyboard.press('Enter');
  await page.getByRole('searchbox', { name: 'Words' }).waitFor();
  assert.equal(await page.getByRole('searchbox', { name: 'Words' }).inputValue(), 'dress', 'the page that was asked for is lost by the login');
  await page.context().close();
});
