// What analysts and operators do: find a post and its journey, try a profile,
// begin a campaign and end it. Each is held against what the stores have then.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api, key, logIn, newKey, openBrowser, until, url } from './stack.mjs';

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

test('explore, and open a journey', async () => {
  const page = await logIn(browser, await newKey('vera', 'viewer'));
  await page.goto(url + '/app/explore');
  const all = (await api('/v1/search?limit=1')).total;
  await page.getByText(`${all} posts`).waitFor();
  await page.getByRole('checkbox', { name: /^dress / }).first().check();
  const dresses = await api('/v1/search?limit=100&attribute=category:dress');
  await page.getByText(`${dresses.total} posts`).waitFor();
  assert.match(page.url(), /attribute=category%3Adress/);

  // However far one scrolls, the page keeps to what is seen.
  const images = [];
  page.on('request', (r) => r.url().includes('/images/') && images.push(r.url()));
  await page.getByRole('button', { name: 'Take all filters away' }).click();
  await page.getByText(`${all} posts`).waitFor();
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  await until('more posts are asked for', async () => (await page.locator('.tile').count()) > 0);
  const tiles = await page.locator('.tile').count();
  assert.ok(tiles < 60, `${tiles} tiles are in the page`);

  await page.goBack();
  await page.getByText(`${dresses.total} posts`).waitFor();
  await page.locator('.tile').first().click();
  await page.waitForURL(/\/app\/post\//);
  const id = decodeURIComponent(page.url().split('/').pop());
  const journey = await api(`/v1/posts/${id}/timeline`);
  await page.getByText(journey.runs[0].timeline.at(-1).reason).first().waitFor();
  // What a viewer may not do is not there.
  for (const hidden of ['Label', 'Failed runs']) assert.equal(await page.getByRole('navigation', { name: 'Pages' }).getByText(hidden, { exact: true }).count(), 0, hidden);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('edit a profile, see its mistakes, and what it would do', async () => {
  const page = await logIn(browser, await newKey('ada', 'analyst'));
  await page.goto(url + '/app/profiles/catalog');
  const area = page.getByLabel('Profile (YAML)');
  const body = await area.inputValue();
  await page.getByText('No mistakes').waitFor();
  await area.fill(body.replace('name: catalog', 'name: catalog\nfetsh: {}'));
  const { errors } = await api('/v1/profiles/check', { method: 'POST', body: { body: body.replace('name: catalog', 'name: catalog\nfetsh: {}') } });
  await page.getByRole('alert').getByText(errors[0].message).waitFor();
  await page.getByRole('button', { name: `line ${errors[0].line}` }).waitFor();

  const all = body.replace(/(analyze-heavy:[\s\S]*?when: )'[^']*'/, "$1'true'");
  assert.notEqual(all, body, 'the profile has no condition for heavy models');
  await area.fill(all);
  await page.getByText('No mistakes').waitFor();
  await page.getByRole('button', { name: 'Simulate' }).click();
  const report = await api('/v1/profiles/simulate', { method: 'POST', body: { profile: { body: all }, limit: 1000 } });
  const heavy = report.steps.find((s) => s.step === 'analyze-heavy');
  await page.getByTestId('simulated').getByText(`${(100 * heavy.share).toFixed(1)} %`).first().waitFor();
  await page.getByRole('button', { name: 'Compare with what is in use' }).click();
  const diff = await api('/v1/profiles/diff', { method: 'POST', body: { before: { name: 'catalog' }, after: { body: all }, limit: 1000 } });
  assert.ok(diff.changed > 0, 'the edit changes nothing');
  await page.getByTestId('compared').getByText(`${diff.changed} would go another way`).waitFor();
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('begin a campaign, hold it, and end it', async () => {
  const page = await logIn(browser, key);
  const before = (await api('/v1/campaigns')).items.map((c) => c.id);
  await page.goto(url + '/app/campaigns');
  await page.getByRole('button', { name: 'New campaign' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Use case').click();
  await page.getByRole('option', { name: 'tendencies' }).click();
  await dialog.getByRole('button', { name: 'See what it would take' }).click();
  const plan = await api('/v1/campaigns', { method: 'POST', body: { profile: 'tendencies', dry_run: true } });
  await dialog.getByTestId('plan').getByText(`${plan.taken.posts} posts`).waitFor();
  assert.deepEqual((await api('/v1/campaigns')).items.map((c) => c.id), before, 'looking at it began it');
  await dialog.getByRole('button', { name: 'Begin' }).click();
  await page.waitForURL(/\/app\/campaigns\/.+/);
  const id = decodeURIComponent(page.url().split('/').pop());
  // It may be done before it can be held: then there is nothing to hold, and the page says so.
  await page.getByRole('button', { name: 'Cancel' }).click({ timeout: 5000 });
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click();
  await until('the campaign is cancelled', async () => (await api(`/v1/campaigns/${id}`)).state === 'cancelled');
  await page.getByText('cancelled').first().waitFor();
  await until('no run of it is on its way', async () => {
    const runs = (await api(`/v1/campaigns/${id}`)).runs ?? {};
    return (runs.queued ?? 0) === 0 && (runs.parked ?? 0) === 0;
  });
  await page.context().close();
});

test('failed runs are queued again, and a key is made and ended', async () => {
  const page = await logIn(browser, key);
  await page.goto(url + '/app/runs?state=failed&profile=catalog');
  await page.getByRole('button', { name: 'Queue them again' }).click();
  const { runs } = await api('/v1/runs/replay', { method: 'POST', body: { state: 'failed', profile: 'catalog', dry_run: true } });
  assert.ok(runs > 0, 'nothing has failed');
  await page.getByRole('dialog').getByRole('button', { name: `Queue ${runs} again` }).click();
  await page.getByText(`${runs} of ${runs} runs are queued again.`).waitFor();

  await page.goto(url + '/app/settings');
  await page.getByLabel('For whom').fill('a notebook');
  await page.getByRole('button', { name: 'Make a key' }).click();
  const secret = await page.getByTestId('secret').textContent();
  assert.equal((await api('/v1/me', { as: secret })).role, 'labeler');
  await page.getByRole('row', { name: /a notebook/ }).getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('row', { name: /a notebook/ }).getByText('revoked').waitFor();
  await assert.rejects(api('/v1/me', { as: secret }), /401/);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
