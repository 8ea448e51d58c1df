// What a labeler's page keeps: claims, answers under way, drafts, and what was
// answered. It knows nothing of React; the page shows what `state` says.
import { ask, client, Problem, type Schemas } from '../api/client';

export type Claim = Schemas['Claim'];
export type Values = Record<string, string[]>;
export type Spot = Schemas['Spot'];
export type Boxes = Record<string, Spot[]>;
type AnswerBody = Schemas['AnswerInputBody'];

interface Sent {
  claim: Claim;
  body: AnswerBody;
  key: string; // of the request: repeated, it is done once
}

export interface Notice {
  id: number;
  text: string;
  kind: 'info' | 'lost' | 'error';
}

export interface State {
  claims: Claim[]; // the first is on the screen
  values: Record<string, Values>; // by item
  boxes: Record<string, Boxes>; // by item: of its questions for boxes
  saved: 'clean' | 'saving' | 'saved' | 'unsaved';
  outbox: number; // answers that the server has not confirmed
  online: boolean;
  loading: boolean;
  lost: string[]; // items whose lease was lost
  waiting?: Schemas['Waiting'];
  skipReasons: string[];
  answered: number; // in this session
  error?: unknown;
  notices: Notice[];
}

const ahead = 3; // claims held: the one on the screen and two whose pictures load meanwhile
const draftAfter = 350; // ms without a change
const heartbeatEvery = 60_000;
const idleAfter = 30_000; // ms without input: time that doesn't count as work

/** What the page begins with for an item: the draft, my earlier answer, or the suggestions. */
export function initial(claim: Claim): Values {
  const out: Values = {};
  for (const q of claim.item.questions ?? []) out[q.attribute] = suggested(q);
  const before = claim.draft?.values ?? claim.item.mine?.values;
  if (before) for (const [name, values] of Object.entries(before)) out[name] = [...(values ?? [])];
  return out;
}

/** What a question begins with, and `y` goes back to: where one value is wanted, the surest. */
export function suggested(q: Schemas['Question']): string[] {
  const all = q.suggestion ?? [];
  return q.multiple ? [...all] : all.slice(0, 1);
}

/** The boxes that go with `initial`. */
export function initialBoxes(claim: Claim): Boxes {
  const out: Boxes = {};
  const before = claim.draft?.values ? (claim.draft.boxes ?? {}) : claim.item.mine?.values ? (claim.item.mine.boxes ?? {}) : undefined;
  for (const q of claim.item.questions ?? []) {
    if (q.kind === 'box') out[q.attribute] = [...((before ? before[q.attribute] : ofValues(q.boxes ?? [], suggested(q))) ?? [])];
  }
  return out;
}

/** The boxes whose value is still chosen. */
export const ofValues = (boxes: Spot[], values: string[]) => boxes.filter((b) => values.includes(b.value));

export class Desk {
  state: State = { claims: [], values: {}, boxes: {}, saved: 'clean', outbox: 0, online: navigator.onLine, loading: true, lost: [], skipReasons: [], answered: 0, notices: [] };
  private listeners = new Set<() => void>();
  private outbox: Sent[] = [];
  private sending = false;
  private topping = false;
  private again: number | undefined;
  private patience = 1000;
  private dirty: { claim: Claim; timer: number } | undefined;
  private back: string[] = []; // items that were answered, the newest last
  private cursor: string | undefined | null; // of older answers; null: there are none
  private active = 0;
  private lastInput = performance.now();
  private lastTick = performance.now();
  private stopped = false;
  private timers: number[] = [];

  constructor(
    private profile: string,
    private store: string, // where unsent answers outlive a reload
  ) {}

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  get = () => this.state;

  private set(change: Partial<State>) {
    this.state = { ...this.state, ...change };
    this.listeners.forEach((l) => l());
  }

  start() {
    this.stopped = false;
    this.restore();
    window.addEventListener('online', this.goneOnline);
    window.addEventListener('offline', this.goneOffline);
    this.timers = [window.setInterval(() => void this.heartbeat(), heartbeatEvery), window.setInterval(() => this.tick(), 1000), window.setInterval(() => this.lookForMore(), 10_000)];
    void this.begin();
  }

  /** Gives back what is held; what was begun stays as a draft. */
  stop() {
    this.stopped = true;
    this.timers.forEach((t) => window.clearInterval(t));
    window.clearTimeout(this.again);
    window.removeEventListener('online', this.goneOnline);
    window.removeEventListener('offline', this.goneOffline);
    void this.saveNow();
    const tokens = this.state.claims.map((c) => c.token);
    if (tokens.length > 0) void client.POST('/v1/labels/claims/release', { body: { tokens }, keepalive: true }).catch(() => {});
  }

  current() {
    return this.state.claims[0];
  }

  // --- claims

  private async begin() {
    try {
      const held = await ask(client.GET('/v1/labels/claims'));
      if (this.stopped) return;
      const mine = held.claims.filter((c) => !this.profile || c.item.profile === this.profile);
      // What was begun last is what was on the screen.
      this.add(mine.sort((a, b) => (b.draft?.saved_at ?? '').localeCompare(a.draft?.saved_at ?? '')));
    } catch (error) {
      return this.trouble(error);
    }
    void this.flush();
    await this.topUp();
  }

  private add(claims: Claim[], first = false) {
    const known = new Set([...this.state.claims.map((c) => c.item.id), ...this.outbox.map((s) => s.claim.item.id)]);
    const fresh = claims.filter((c) => !known.has(c.item.id));
    const values = { ...this.state.values };
    const boxes = { ...this.state.boxes };
    for (const c of fresh) {
      values[c.item.id] = initial(c);
      boxes[c.item.id] = initialBoxes(c);
    }
    this.set({ claims: first ? [...fresh, ...this.state.claims] : [...this.state.claims, ...fresh], values, boxes });
  }

  private async topUp() {
    if (this.topping || this.stopped || this.state.claims.length >= ahead) return this.set({ loading: false });
    this.topping = true;
    try {
      const got = await ask(client.POST('/v1/labels/claims', { body: { count: ahead - this.state.claims.length, ...(this.profile ? { profile: this.profile } : {}) } }));
      this.add(got.claims ?? []);
      this.set({ waiting: got.waiting, skipReasons: got.skip_reasons ?? [], loading: false, online: true, error: undefined });
    } catch (error) {
      this.trouble(error);
    } finally {
      this.topping = false;
    }
  }

  private lookForMore() {
    if (this.state.claims.length === 0 && !this.state.loading && document.visibilityState === 'visible') void this.topUp();
  }

  /** Takes one item: to look at an answer again, to decide between answers, or from a link. */
  async take(id: string): Promise<boolean> {
    try {
      const claim = await ask(client.POST('/v1/labels/{id}/claim', { params: { path: { id } } }));
      await this.saveNow();
      this.set({ claims: this.state.claims.filter((c) => c.item.id !== id) });
      this.add([claim], true);
      this.began();
      return true;
    } catch (error) {
      if (error instanceof Problem && error.status === 409) this.tell('Somebody else has this one at the moment.', 'lost');
      else if (error instanceof Problem && (error.status === 404 || error.status === 410)) this.tell('This question is gone.', 'info');
      else this.trouble(error);
      return false;
    }
  }

  private async heartbeat() {
    const tokens = this.state.claims.map((c) => c.token);
    if (tokens.length === 0) return;
    try {
      const beat = await ask(client.POST('/v1/labels/claims/heartbeat', { body: { tokens } }));
      const lost = new Set(beat.lost ?? []);
      const gone = this.state.claims.filter((c) => lost.has(c.token));
      if (gone.length === 0) return this.set({ online: true });
      // What waits unseen is simply given up; what is on the screen stays, and says so.
      const [onScreen] = this.state.claims;
      this.set({
        claims: this.state.claims.filter((c) => c === onScreen || !lost.has(c.token)),
        lost: [...new Set([...this.state.lost, ...gone.filter((c) => c === onScreen).map((c) => c.item.id)])],
      });
      void this.topUp();
    } catch (error) {
      this.trouble(error);
    }
  }

  // --- answers

  /** Takes what was chosen. Boxes of values that are not chosen any more go with them. */
  choose(attribute: string, values: string[], boxes?: Spot[]) {
    const claim = this.current();
    if (!claim) return;
    const id = claim.item.id;
    const of = this.state.boxes[id] ?? {};
    this.set({
      values: { ...this.state.values, [id]: { ...this.state.values[id], [attribute]: values } },
      notices: this.state.notices.filter((n) => n.kind !== 'error'), // what was wrong is being mended
      boxes: { ...this.state.boxes, [id]: of[attribute] ? { ...of, [attribute]: ofValues(boxes ?? of[attribute], values) } : of },
      saved: 'saving',
    });
    if (this.dirty) window.clearTimeout(this.dirty.timer);
    this.dirty = { claim, timer: window.setTimeout(() => void this.saveNow(), draftAfter) };
  }

  private async saveNow() {
    const dirty = this.dirty;
    if (!dirty) return;
    window.clearTimeout(dirty.timer);
    this.dirty = undefined;
    const { claim } = dirty;
    const id = claim.item.id;
    const values = this.state.values[id];
    if (!values || this.outbox.some((s) => s.claim.item.id === id)) return;
    try {
      const said = await ask(client.PUT('/v1/labels/{id}/draft', { params: { path: { id } }, body: { token: claim.token, values, ...this.drawn(id) }, keepalive: true }));
      const lost = said.held ? this.state.lost.filter((l) => l !== id) : [...new Set([...this.state.lost, id])];
      this.set({ saved: this.dirty ? 'saving' : 'saved', lost, online: true });
    } catch (error) {
      this.set({ saved: 'unsaved' });
      if (error instanceof Problem && (error.offline || error.status >= 500 || error.status === 429)) {
        this.dirty ??= { claim, timer: window.setTimeout(() => void this.saveNow(), 3000) };
        this.set({ online: !error.offline });
      }
    }
  }

  submit() {
    const claim = this.current();
    if (!claim) return;
    const values = this.state.values[claim.item.id] ?? {};
    const boxes = this.state.boxes[claim.item.id] ?? {};
    for (const q of claim.item.questions ?? []) {
      const bare = q.kind === 'box' ? (values[q.attribute] ?? []).filter((v) => !boxes[q.attribute]?.some((b) => b.value === v)) : [];
      if (bare.length > 0) return this.tell(`Say where it is: draw a box around ${bare.join(', ')}, or take it away (${q.attribute.replaceAll('_', ' ')}).`, 'error');
    }
    this.handIn(claim, { values, ...this.drawn(claim.item.id) });
  }

  private drawn(id: string): { boxes?: Boxes } {
    const boxes = Object.fromEntries(Object.entries(this.state.boxes[id] ?? {}).filter(([, b]) => b.length > 0));
    return Object.keys(boxes).length > 0 ? { boxes } : {};
  }

  skip(reason: string) {
    const claim = this.current();
    if (claim) this.handIn(claim, { skip: reason });
  }

  private handIn(claim: Claim, body: AnswerBody) {
    if (this.dirty) window.clearTimeout(this.dirty.timer);
    this.dirty = undefined;
    this.tick();
    this.outbox.push({ claim, body: { ...body, claim: claim.token, active_ms: Math.round(this.active) }, key: crypto.randomUUID() });
    this.keep();
    this.back = [...this.back.filter((id) => id !== claim.item.id), claim.item.id];
    this.set({ claims: this.state.claims.filter((c) => c !== claim), lost: this.state.lost.filter((l) => l !== claim.item.id), saved: 'clean', answered: this.state.answered + 1, outbox: this.outbox.length });
    this.began();
    void this.flush();
    void this.topUp();
  }

  // One after the other, in order, each until the server has confirmed it.
  private async flush() {
    if (this.sending) return;
    this.sending = true;
    window.clearTimeout(this.again);
    while (this.outbox.length > 0) {
      const sent = this.outbox[0]!;
      try {
        await ask(client.POST('/v1/labels/{id}/answers', { params: { path: { id: sent.claim.item.id }, header: { 'Idempotency-Key': sent.key } }, body: sent.body }));
        this.patience = 1000;
        this.set({ online: true });
      } catch (error) {
        if (!this.refused(sent, error)) break;
      }
      this.outbox = this.outbox.filter((s) => s !== sent);
      this.keep();
    }
    this.sending = false;
    this.set({ outbox: this.outbox.length });
  }

  /** Whether an answer that was not taken is done with; if not, it is sent again. */
  private refused(sent: Sent, error: unknown): boolean {
    const p = error instanceof Problem ? error : new Problem(0, String(error));
    if (p.offline || p.status >= 500 || p.status === 429 || p.status === 401) {
      this.set({ online: !p.offline });
      this.again = window.setTimeout(() => void this.flush(), this.patience);
      this.patience = Math.min(2 * this.patience, 15_000);
      return false;
    }
    this.back = this.back.filter((id) => id !== sent.claim.item.id);
    const answered = Math.max(0, this.state.answered - 1);
    if (p.status === 409) this.tell('Your time for one item was over and somebody else has it now. Your answer is kept as a draft.', 'lost');
    else if (p.status === 410 || p.status === 404) this.tell('The post of your last answer was deleted meanwhile: nobody is asked any more.', 'info');
    else {
      this.tell(`The answer was not taken: ${[p.message, ...p.errors.map((e) => e.message)].join('; ')}`, 'error');
      this.set({ claims: [sent.claim, ...this.state.claims] });
    }
    this.set({ answered });
    return true;
  }

  /** Goes back to the answer before the last one that it went back to. */
  async undo() {
    const last = this.outbox[this.outbox.length - 1];
    if (last && !(this.sending && this.outbox.length === 1) && last.claim.item.id === this.back[this.back.length - 1]) {
      this.outbox.pop(); // nobody has seen it yet
      this.keep();
      this.back = this.back.slice(0, -1);
      this.set({ claims: [last.claim, ...this.state.claims], outbox: this.outbox.length, answered: Math.max(0, this.state.answered - 1) });
      return this.began();
    }
    const id = this.back[this.back.length - 1] ?? (await this.older());
    if (!id) return this.tell('There is no answer of yours before this one.', 'info');
    if (!this.state.online) return this.tell('Going back needs the server, which can’t be reached.', 'lost');
    this.back = this.back.filter((b) => b !== id);
    this.gone.add(id);
    await this.take(id);
  }

  private gone = new Set<string>();

  private async older(): Promise<string | undefined> {
    while (this.cursor !== null) {
      const page = await ask(client.GET('/v1/labels/mine', { params: { query: { limit: 20, cursor: this.cursor ?? undefined } } })).catch((error: unknown) => this.trouble(error));
      if (!page) return undefined;
      this.cursor = page.next_cursor ?? null;
      const held = new Set(this.state.claims.map((c) => c.item.id));
      const ids = page.items.map((m) => m.item.id).filter((id) => !this.gone.has(id) && !held.has(id));
      if (ids.length > 0) {
        this.back = [...ids.reverse(), ...this.back];
        return this.back[this.back.length - 1];
      }
    }
    return undefined;
  }

  // --- the network

  private goneOnline = () => {
    this.patience = 1000;
    void this.flush();
    void this.saveNow();
    void this.topUp();
    void this.heartbeat();
  };
  private goneOffline = () => this.set({ online: false });

  private trouble(error: unknown): undefined {
    if (error instanceof Problem && error.offline) this.set({ online: false, loading: false });
    else this.set({ error, loading: false });
    return undefined;
  }

  // Unsent answers outlive a reload, or the end of the browser.
  private keep() {
    try {
      if (this.outbox.length === 0) localStorage.removeItem(this.store);
      else localStorage.setItem(this.store, JSON.stringify(this.outbox));
    } catch {
      // A browser that keeps nothing: then the page has to stay open, as it says.
    }
  }

  private restore() {
    try {
      this.outbox = JSON.parse(localStorage.getItem(this.store) ?? '[]') as Sent[];
    } catch {
      this.outbox = [];
    }
    this.set({ outbox: this.outbox.length });
  }

  // --- time at work: seen, and touched within half a minute

  input() {
    this.lastInput = performance.now();
  }

  private began() {
    this.active = 0;
    this.lastTick = performance.now();
    this.lastInput = this.lastTick;
  }

  private tick() {
    const now = performance.now();
    if (document.visibilityState === 'visible' && now - this.lastInput < idleAfter) this.active += Math.min(now - this.lastTick, 2000);
    this.lastTick = now;
  }

  // --- what is said to the labeler

  private said = 0;
  tell(text: string, kind: Notice['kind']) {
    this.set({ notices: [...this.state.notices.slice(-2), { id: ++this.said, text, kind }] });
  }
  hear(id: number) {
    this.set({ notices: this.state.notices.filter((n) => n.id !== id) });
  }
}
