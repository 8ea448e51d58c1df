// Questions of every kind, answered with keys and mouse: a value of a tree, boxes on
// the picture, one's own words. Each is held against what the stores then have.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api, logIn, newKey, openBrowser, serious, shoot, until, url } from './stack.mjs';

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

const near = (box, want) => ['x', 'y', 'w', 'h'].every((k) => Math.abs(box[k] - want[k]) < 0.02);
const questions = (page) => page.getByRole('group', { name: 'Questions' });
const open = (page) => page.locator('fieldset[data-active=true]');
const boxes = (page) => open(page).getByRole('list', { name: 'Boxes' }).getByRole('listitem');

/** Presses the key that a choice of the marked question shows. */
async function choose(page, value) {
  const choice = open(page).locator('.choice', { hasText: new RegExp(`^.?${value}(✦)?$`) });
  await page.keyboard.press((await choice.locator('.key').textContent()).toLowerCase());
}

async function mark(page, attribute) {
  const names = (await page.locator('fieldset legend').allTextContents()).map((t) => t.split(' ')[0]);
  const to = names.findIndex((n) => n.startsWith(attribute));
  for (let i = 0; i < names.length; i++) await page.keyboard.press('ArrowUp');
  for (let i = 0; i < to; i++) await page.keyboard.press('ArrowDown');
  await open(page).locator('legend', { hasText: attribute }).waitFor();
}

async function draw(page, from, to) {
  const area = await page.getByTestId('canvas').boundingBox();
  const at = ([x, y]) => [area.x + x * area.width, area.y + y * area.height];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]));
  await page.mouse.move(...at(to));
  await page.mouse.up();
}

test('a tree, boxes and words', { timeout: 60_000 }, async () => {
  const secret = await newKey('fay', 'labeler');
  const page = await logIn(browser, secret, { height: 900 });
  await page.goto(url + '/app/label?profile=catalog');
  await questions(page).waitFor();
  const src = await page.locator('.stage img').first().getAttribute('src');
  const { item } = (await api('/v1/labels/claims', { as: secret })).claims.find((c) => src.includes(encodeURIComponent(c.item.post)));
  const kinds = Object.fromEntries(item.questions.map((q) => [q.attribute, q.kind]));
  assert.deepEqual(kinds, { brand: 'text', category: 'tree', color: 'box' });
  const draft = async () => (await api('/v1/labels/claims', { as: secret })).claims.find((c) => c.item.id === item.id)?.draft;

  // A group that is an answer too, then the leaf in its place: the tree takes one value.
  await mark(page, 'category');
  assert.deepEqual(await open(page).locator('.branch .branch .choice', { hasText: 'shirt' }).count() > 0, true, 'the tree has no branch in a branch');
  await page.keyboard.press('n');
  await choose(page, 'tops');
  await mark(page, 'category');
  await choose(page, 'skirt');
  await until('the draft has the leaf', async () => (await draft())?.values.category.join() === 'skirt');

  // A value without a place is not handed in.
  await mark(page, 'color');
  await page.keyboard.press('n');
  await choose(page, 'navy');
  await page.keyboard.press('Enter');
  await page.getByText('Say where it is: draw a box around navy').waitFor();
  assert.equal((await api('/v1/labels/mine', { as: secret })).items.length, 0);

  await draw(page, [0.1, 0.2], [0.5, 0.6]);
  await until('one box', async () => (await boxes(page).count()) === 1);
  await page.keyboard.press('b'); // another one, in the middle, which is marked
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowUp', 'Shift+ArrowLeft', 'Shift+ArrowLeft', 'Shift+ArrowDown']) await page.keyboard.press(key);
  await until('both are drafted', async () => {
    const now = (await draft())?.boxes?.color;
    return now?.length === 2 && near(now[0].box, { x: 0.1, y: 0.2, w: 0.4, h: 0.4 }) && near(now[1].box, { x: 0.27, y: 0.24, w: 0.48, h: 0.51 });
  });
  await shoot(page, 'label-boxes-light');
  assert.deepEqual(await serious(page), []);
  await page.keyboard.press('Delete');
  await until('one is gone', async () => (await boxes(page).count()) === 1);
  await draw(page, [0.3, 0.4], [0.4, 0.5]); // moves the box that is there
  await page.keyboard.press('Enter'); // done with it; nothing is handed in
  await choose(page, 'red');
  await page.keyboard.press('b');
  await page.keyboard.press('Enter');
  await until('the box has moved', async () => near((await draft())?.boxes?.color[0].box ?? {}, { x: 0.2, y: 0.3, w: 0.4, h: 0.4 }));

  // One's own words, where letters are no commands; they are kept composed.
  await mark(page, 'brand');
  await page.keyboard.press('/');
  await page.keyboard.press('Control+A');
  await page.keyboard.type(' Zoe\u0301  bus & co ');
  await page.keyboard.press('Enter');
  await until('the words are drafted', async () => (await draft())?.values.brand[0]?.includes('bus & co'));

  await page.reload(); // and all of it is there again
  await questions(page).waitFor();
  await mark(page, 'color');
  await until('the boxes are there again', async () => (await boxes(page).count()) === 2);
  await page.keyboard.press('Enter');
  const answer = await until('the answer is in the store', async () => (await api('/v1/labels/mine', { as: secret })).items.find((m) => m.item.id === item.id)?.answer);
  assert.deepEqual({ ...answer.values, color: [...answer.values.color].sort() }, { brand: ['Zo\u00e9 bus & co'], category: ['skirt'], color: ['navy', 'red'] });
  assert.deepEqual(answer.boxes.color.map((b) => b.value), ['navy', 'red']);
  const image = (await api(`/v1/labels/${item.id}/post`, { as: secret })).images[0].sha256;
  assert.ok(answer.boxes.color.every((b) => b.image === image), 'the boxes are on another image');

  // Undo brings the boxes back; one value taken away takes its boxes along.
  await page.keyboard.press('u');
  await page.getByText('you have answered this').waitFor();
  await mark(page, 'color');
  await until('the boxes are back', async () => (await boxes(page).count()) === 2);
  await choose(page, 'red');
  await until('the box of red is gone', async () => (await boxes(page).count()) === 1);
  await page.keyboard.press('Enter');
  const label = await until('the label is on the post', async () => {
    const said = (await api(`/v1/posts/${item.post}/attributes`)).labels.find((l) => l.attribute === 'color');
    return said?.values.join() === 'navy' && said;
  });
  assert.equal(label.boxes.length, 1);
  assert.ok(near(label.boxes[0].box, { x: 0.2, y: 0.3, w: 0.4, h: 0.4 }));
  assert.deepEqual(page.problems, []);
  await page.context().close();

  const viewer = await logIn(browser, await newKey('gus', 'viewer'));
  await viewer.goto(`${url}/app/post/${item.post}`);
  await viewer.getByText('· 1 box').first().waitFor();
  await viewer.getByRole('button', { name: 'Picture 1, larger' }).click();
  await viewer.getByRole('dialog').locator('.box', { hasText: 'navy' }).waitFor();
  await shoot(viewer, 'post-boxes-light');
  assert.deepEqual(viewer.problems, []);
  await viewer.context().close();
});

test('an answer whose time was over is kept as a draft', { timeout: 40_000 }, async () => {
  const secret = await newKey('gil', 'labeler');
  const page = await logIn(browser, secret);
  await page.goto(url + '/app/label?profile=quality');
  await questions(page).waitFor();
  const src = await page.locator('.stage img').first().getAttribute('src');
  const mine = (await api('/v1/labels/claims', { as: secret })).claims.find((c) => src.includes(encodeURIComponent(c.item.post)));
  const claim = (as) => api(`/v1/labels/${mine.item.id}/claim`, { method: 'POST', body: {}, as });
  const release = (as, token) => api('/v1/labels/claims/release', { method: 'POST', body: { tokens: [token] }, as });

  // The lease is lost, and as many others as the item wants have it now.
  await release(secret, mine.token);
  const others = [];
  for (let i = 0; i < mine.item.wanted; i++) {
    const as = await newKey(`hal ${i}`, 'labeler');
    others.push({ as, token: (await claim(as)).token });
  }
  await mark(page, 'category');
  await page.keyboard.press('n');
  await page.getByText('Your time for this one was over').waitFor();
  await choose(page, 'hat');
  await page.keyboard.press('Enter');
  await page.getByText('somebody else has it now. Your answer is kept as a draft.').waitFor();
  await until('the next item', async () => (await page.locator('.stage img').first().getAttribute('src')) !== src);
  assert.equal((await api('/v1/labels/mine', { as: secret })).items.length, 0, 'the answer was taken');

  for (const o of others) await release(o.as, o.token);
  const again = await claim(secret);
  assert.deepEqual(again.draft.values.category, ['hat']);
  const held = (await api('/v1/labels/claims', { as: secret })).claims; // for the tests that come after
  for (const c of held) await release(secret, c.token);
  const problems = page.problems.filter((p) => !p.includes('409')); // the browser calls the refusal an error
  assert.deepEqual(problems, []);
  await page.context().close();
});
