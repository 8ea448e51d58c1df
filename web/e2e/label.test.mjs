// Two people label at once, by keyboard alone; each step is held against the stores.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api, logIn, newKey, openBrowser, shoot, until, url } from './stack.mjs';

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

const each = Number(process.env.WEFT_LABELS ?? 25); // items of each person
const mine = (as) => api('/v1/labels/mine?limit=100', { as });

async function sitDown(name, role = 'labeler') {
  const secret = await newKey(name, role);
  const page = await logIn(browser, secret, { height: 900 });
  await page.goto(url + '/app/label?profile=quality');
  await page.getByRole('group', { name: 'Questions' }).waitFor();
  return { name, secret, page };
}

/** Which post is on the screen. */
const onScreen = (page) => page.locator('.stage img').first().getAttribute('src');

async function answer({ page }, change) {
  const before = await onScreen(page);
  if (change) await change(page);
  await page.keyboard.press('Enter');
  await until('the next item', async () => (await page.locator('.stage img').count()) === 0 || (await onScreen(page)) !== before);
}

const handedIn = (page) => until('all answers are confirmed', async () => !(await page.getByTestId('saved').textContent()).includes('handed in'));

test('two people label at once', { timeout: 100_000 }, async (t) => {
  const [ana, bo] = [await sitDown('ana'), await sitDown('bo')];

  await t.test('by keyboard alone, each another item at a time', async () => {
    const work = async (who) => {
      for (let i = 0; i < each; i++) {
        // The second question is the category: a choice by its key, none that is suggested,
        // since the key would take it back; the others as suggested.
        await answer(who, i % 2 ? undefined : async (page) => {
          await page.keyboard.press('ArrowDown');
          const free = page.locator('.question[data-active="true"] .choice:not([aria-checked="true"]):not([aria-pressed="true"]) .key');
          await page.keyboard.press(await free.nth(i % 9).textContent());
        });
      }
      await handedIn(who.page);
    };
    await Promise.all([work(ana), work(bo)]);
    for (const who of [ana, bo]) {
      const { items } = await mine(who.secret);
      assert.equal(new Set(items.map((m) => m.item.id)).size, each, `${who.name} has answered`);
      const chosen = items.reverse().filter((m, i) => i % 2 === 0 && (m.answer.values.category ?? []).length > 0).length;
      assert.equal(chosen, Math.ceil(each / 2), `${who.name}'s choices by key`);
      assert.deepEqual(who.page.problems, []);
    }
    await shoot(ana.page, 'label-work-light');
  });

  await t.test('undo goes back several answers, and a new one replaces the old', async () => {
    const newest = (await mine(ana.secret)).items.slice(0, 3);
    for (let i = 0; i < 3; i++) {
      await ana.page.keyboard.press('u');
      await until('the earlier item', async () => (await onScreen(ana.page)).includes(encodeURIComponent(newest[i].item.post)));
    }
    await ana.page.getByText('you have answered this').waitFor();
    await ana.page.keyboard.press('ArrowDown');
    await ana.page.keyboard.press('n'); // there is none
    for (let i = 0; i < 3; i++) await answer(ana);
    await handedIn(ana.page);
    const now = (await mine(ana.secret)).items;
    assert.equal(now.length, each, 'an answer was added instead of replaced');
    assert.deepEqual(now.find((m) => m.item.id === newest[2].item.id).answer.values.category ?? [], []);
  });

  await t.test('skip, with a reason', async () => {
    const before = await onScreen(ana.page);
    await ana.page.keyboard.press('s');
    await ana.page.getByRole('dialog').getByText('several people').waitFor();
    await ana.page.keyboard.press('3');
    await until('the next item', async () => (await onScreen(ana.page)) !== before);
    await handedIn(ana.page);
    const [last] = (await mine(ana.secret)).items;
    assert.equal(last.answer.skip, 'several people');
    assert.ok(before.includes(encodeURIComponent(last.item.post)));
  });

  await t.test('a draft is on the server before anything is handed in', async () => {
    await bo.page.keyboard.press('ArrowDown');
    await bo.page.keyboard.press('n');
    await bo.page.keyboard.press('5');
    await bo.page.getByText('Draft saved').waitFor();
    const held = (await api('/v1/labels/claims', { as: bo.secret })).claims;
    const onIt = held.find((c) => c.draft);
    assert.ok(onIt, 'no draft is stored');
    await bo.page.reload(); // and it is there again after the page was gone
    await bo.page.getByRole('group', { name: 'Questions' }).waitFor();
    const again = (await api('/v1/labels/claims', { as: bo.secret })).claims.find((c) => c.item.id === onIt.item.id);
    assert.deepEqual(again?.draft?.values, onIt.draft.values);
  });

  await t.test('without a network answers are kept, and handed in when it is back', async () => {
    const before = (await mine(bo.secret)).items.length;
    await bo.page.context().setOffline(true);
    await answer(bo);
    await answer(bo);
    await bo.page.getByText('2 answers are kept here').waitFor();
    assert.equal((await mine(bo.secret)).items.length, before, 'the network was not away');
    await shoot(bo.page, 'label-offline-light');
    await bo.page.context().setOffline(false);
    await until('both answers are in the store', async () => (await mine(bo.secret)).items.length === before + 2);
    await bo.page.getByText('can’t be reached').waitFor({ state: 'detached' });
  });

  await t.test('the keys are shown, and Tab reaches everything too', async () => {
    await ana.page.keyboard.press('?');
    await ana.page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await shoot(ana.page, 'label-keys-light');
    await ana.page.keyboard.press('Escape');
    await ana.page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' });
  });
  await Promise.all([ana, bo].map((w) => w.page.context().close()));
});

test('an analyst decides where people disagree', { timeout: 60_000 }, async () => {
  const [cy, di] = [await newKey('cy', 'labeler'), await newKey('di', 'labeler')];
  const { claims } = await api('/v1/labels/claims', { method: 'POST', body: { profile: 'quality', count: 1 }, as: cy });
  const { item } = claims[0];
  const values = (category) => Object.fromEntries(item.questions.map((q) => [q.attribute, q.attribute === 'category' ? [category] : []]));
  const say = (as, category) => api(`/v1/labels/${item.id}/answers`, { method: 'POST', body: { values: values(category) }, as });
  await say(cy, 'dress');
  await say(di, 'skirt');
  // Its verdict is "disagree" until the run has seen it, and then one more answer is wanted: either way it is to be decided.
  await until('the item is to be decided', async () => (await api('/v1/labels/disputed?profile=quality')).items.some((i) => i.id === item.id));

  const page = await logIn(browser, await newKey('eve', 'analyst'));
  await page.goto(url + '/app/quality?view=disputed');
  const card = page.locator('section.card', { hasText: item.post });
  await card.getByText('skirt').first().waitFor(); // somebody may have said so before
  await shoot(page, 'quality-to-decide-light');
  await card.getByRole('link', { name: 'Decide' }).click();
  await page.getByText('your answer decides').waitFor();
  await page.getByRole('columnheader', { name: 'cy' }).waitFor();
  await shoot(page, 'label-decide-light');
  const category = item.questions.findIndex((q) => q.attribute === 'category');
  for (let i = 0; i < category; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('n');
  const choice = page.locator('fieldset[data-active=true]').getByRole('button', { name: 'dress' }).or(page.locator('fieldset[data-active=true]').getByRole('radio', { name: 'dress' }));
  await page.keyboard.press((await choice.first().locator('.key').textContent()).toLowerCase());
  await page.keyboard.press('Enter');
  const settled = await until('the item is settled', async () => {
    const now = await api(`/v1/labels/${item.id}`);
    return now.verdict === 'settled' && now;
  });
  assert.ok(settled.answers.some((a) => a.by === 'eve'));
  // And the post says so, as soon as its run has gone on.
  await until('the label is on the post', async () => (await api(`/v1/posts/${item.post}/attributes`)).labels.some((l) => l.attribute === 'category' && l.values.join() === 'dress'));
  await page.context().close();
});
