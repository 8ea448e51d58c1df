// Every page, light and dark: it shows something, breaks no rule of accessibility
// that counts, and reports no error.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api, key, logIn, openBrowser, pictured, serious, shoot, url } from './stack.mjs';

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

async function pages() {
  const hit = (await api('/v1/search?limit=1&attribute=category:dress&profile=tendencies')).items[0];
  const since = new Date(Date.now() - 40 * 86_400_000).toISOString().slice(0, 10);
  return [
    ['overview', '/', 'Where the runs stand'],
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
      await shoot(page, `${name}-${scheme}`);
      for (const v of await serious(page)) wrong.push(`${name}: ${v}`);
    }
    wrong.push(...page.problems);
    assert.deepEqual(wrong, []);
    await page.context().close();
  });
}

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
