import { Alert, Badge, Button, Group, Modal, Select, Stack, Text, TextInput, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { ask, client } from '../api/client';
import { useMe } from '../api/me';
import { one, useAddress } from '../ui/address';
import { count, since } from '../ui/format';
import { imagePath } from '../ui/PostImage';
import { Empty, Page, Trouble, Waiting } from '../ui/States';
import { boxMoves, commands, moves } from './keys';
import { moved, useBoxHand } from './boxes';
import { Desk, type Claim } from './desk';
import { Questions } from './Questions';
import { Stage } from './Stage';
import { useKeys, type Hands } from './useKeys';

/** A labeler's place: one question after the other, by keyboard. */
export default function Label() {
  const [search, change] = useAddress();
  const me = useMe();
  const profile = one(search.profile);
  const item = one(search.item);
  const desk = useMemo(() => new Desk(profile, `weft-outbox-${me.id}`), [profile, me.id]);
  useEffect(() => {
    desk.start();
    if (item) void desk.take(item);
    return () => desk.stop();
  }, [desk, item]);
  const state = useSyncExternalStore(desk.subscribe, desk.get);
  useAhead(state.claims);
  const claim = state.claims[0];
  return (
    <Page title="Label" actions={<Where profile={profile} change={(p) => change({ profile: p, item: undefined })} answered={state.answered} />}>
      <Notices desk={desk} />
      {state.error !== undefined && <Trouble error={state.error} retry={() => window.location.reload()} />}
      {claim ? (
        <Work key={claim.item.id} desk={desk} claim={claim} />
      ) : state.loading ? (
        <Waiting what="Looking for a question" />
      ) : (
        <Nothing desk={desk} />
      )}
    </Page>
  );
}

function Where({ profile, change, answered }: { profile: string; change: (p: string | undefined) => void; answered: number }) {
  const profiles = useQuery({ queryKey: ['profiles'], queryFn: () => ask(client.GET('/v1/profiles')) });
  const names = [...new Set((profiles.data?.items ?? []).map((p) => p.name))];
  return (
    <>
      <Text size="sm" c="dimmed" role="status">{count(answered)} answered now</Text>
      <Select aria-label="Use case" placeholder="all use cases" data={names} value={profile || null} onChange={(v) => change(v ?? undefined)} clearable w={170} />
    </>
  );
}

function Notices({ desk }: { desk: Desk }) {
  const state = useSyncExternalStore(desk.subscribe, desk.get);
  const claim = state.claims[0];
  return (
    <Stack gap="xs" aria-live="polite">
      {!state.online && (
        <Alert color="orange" variant="light" title="The server can’t be reached">
          {state.outbox > 0 ? `${state.outbox} ${state.outbox === 1 ? 'answer is' : 'answers are'} kept here and handed in as soon as it answers.` : 'What you choose is kept here until it answers.'} Go on with what is on the screen.
        </Alert>
      )}
      {claim && state.lost.includes(claim.item.id) && (
        <Alert color="orange" variant="light" title="Your time for this one was over">
          What you chose is kept as a draft. Hand it in: if nobody else has taken the question meanwhile, it counts.
        </Alert>
      )}
      {state.notices.map((n) => (
        <Alert key={n.id} color={n.kind === 'info' ? 'blue' : n.kind === 'lost' ? 'orange' : 'red'} variant="light" withCloseButton closeButtonLabel="Close" onClose={() => desk.hear(n.id)}>
          {n.text}
        </Alert>
      ))}
    </Stack>
  );
}

function Nothing({ desk }: { desk: Desk }) {
  const state = useSyncExternalStore(desk.subscribe, desk.get);
  const waiting = state.waiting;
  useKeys({ undo: () => void desk.undo() });
  return (
    <Empty title="Nothing to answer">
      {waiting && waiting.held_by_others > 0
        ? `Others hold ${count(waiting.held_by_others)}${waiting.next_free_at ? `; the next may be free ${since(waiting.next_free_at)}` : ''}.`
        : 'Everything that was asked has its answers.'}{' '}
      This page looks again by itself.
      <div style={{ marginTop: 12 }}>
        <Button variant="default" onClick={() => void desk.undo()} leftSection={<span className="key">U</span>}>
          Back to my last answer
        </Button>
      </div>
    </Empty>
  );
}

/** What the next questions need is asked for before they are on the screen. */
function useAhead(claims: Claim[]) {
  const queries = useQueryClient();
  const ids = claims.map((c) => c.item.id).join(' ');
  useEffect(() => {
    for (const id of ids.split(' ').filter(Boolean)) {
      void queries.ensureQueryData(askedPost(id)).then(
        (post) => post.images.filter((m) => m.path).forEach((m) => (new Image().src = imagePath(post.id, m.n))),
        () => {},
      );
    }
  }, [ids, queries]);
}

export const askedPost = (id: string) => ({
  queryKey: ['asked', id],
  staleTime: 300_000,
  queryFn: () => ask(client.GET('/v1/labels/{id}/post', { params: { path: { id } } })),
});

function Work({ desk, claim }: { desk: Desk; claim: Claim }) {
  const state = useSyncExternalStore(desk.subscribe, desk.get);
  const post = useQuery(askedPost(claim.item.id));
  const [help, helping] = useDisclosure();
  const [skipping, skips] = useDisclosure();
  const [active, setActive] = useState(0);
  const q = claim.item.questions?.[active];
  const values = state.values[claim.item.id] ?? {};
  const boxes = useBoxHand(desk, q, (q && values[q.attribute]) ?? [], (q && state.boxes[claim.item.id]?.[q.attribute]) ?? []);
  const marked = (e: KeyboardEvent) => {
    if (!boxes || boxes.marked === undefined) return false;
    const box = moved(boxes.spots[boxes.marked]!.box, e.key, e.shiftKey);
    if (box) boxes.put(boxes.marked, box);
    else if (e.key === 'Delete' || e.key === 'Backspace') boxes.remove(boxes.marked);
    else if (e.key === 'Enter' || e.key === 'Escape') boxes.mark(undefined);
    else return false;
    return true;
  };
  const hands = useRef<Hands>({});
  const take = useCallback((more: Hands) => Object.assign(hands.current, more), []);
  useKeys({
    submit: () => desk.submit(),
    undo: () => void desk.undo(),
    skip: skips.open,
    help: helping.toggle,
    zoom: () => hands.current.zoom?.(),
    show: () => hands.current.show?.(),
    none: () => hands.current.none?.(),
    accept: () => hands.current.accept?.(),
    find: () => hands.current.find?.(),
    box: () => hands.current.box?.(),
    edit: () => boxes && boxes.spots.length > 0 && boxes.mark(((boxes.marked ?? -1) + 1) % boxes.spots.length),
    marked,
    move: (by) => hands.current.move?.(by),
    turn: (by) => hands.current.turn?.(by),
    choice: (key) => hands.current.choice?.(key) ?? false,
    input: () => desk.input(),
    paused: help || skipping,
  });
  const item = claim.item;
  return (
    <>
      <div className="label-grid">
        <Stack gap="sm">
          <Stage post={post} hands={take} boxes={boxes} />
          <Group gap={6}>
            <Badge color="gray">{item.profile}</Badge>
            <Tooltip label="Why you are asked">
              <Badge color="blue">why: {claim.reason || item.reason}</Badge>
            </Tooltip>
            {item.wanted > 1 && <Badge color="gray">{item.wanted} people are asked</Badge>}
            {claim.adjudicate && <Badge color="orange">your answer decides</Badge>}
            {item.mine && <Badge color="violet">you have answered this; the last answer counts</Badge>}
          </Group>
          {claim.adjudicate && <Others claim={claim} />}
        </Stack>
        <Questions claim={claim} active={active} setActive={setActive} values={values} boxes={state.boxes[item.id] ?? {}} hand={boxes} images={(post.data?.images ?? []).map((m) => m.sha256 ?? '')} choose={(a, v, b) => desk.choose(a, v, b)} hands={take} />
      </div>
      <Group justify="space-between" className="label-bar">
        <Group gap="xs">
          <Button onClick={() => desk.submit()} leftSection={<span className="key">↵</span>}>Hand in</Button>
          <Button variant="default" onClick={() => void desk.undo()} leftSection={<span className="key">U</span>}>Undo</Button>
          <Button variant="default" onClick={skips.open} leftSection={<span className="key">S</span>}>Skip</Button>
          <Button variant="default" onClick={helping.open} leftSection={<span className="key">?</span>}>Keys</Button>
        </Group>
        <Text size="sm" c="dimmed" role="status" data-testid="saved">
          {said(state.saved)}
          {state.outbox > 0 && ` · ${state.outbox} being handed in`}
          {state.waiting && ` · ${count(state.waiting.open)}${state.waiting.open >= 1000 ? '+' : ''} open`}
          {state.waiting && state.waiting.held_by_others > 0 && ` · ${count(state.waiting.held_by_others)} with others`}
        </Text>
      </Group>
      <SkipDialog opened={skipping} close={skips.close} reasons={state.skipReasons} skip={(r) => desk.skip(r)} />
      <Help opened={help} close={helping.close} />
    </>
  );
}

function said(saved: string) {
  return { clean: 'Nothing to save', saving: 'Saving …', saved: 'Draft saved', unsaved: 'Not saved yet' }[saved] ?? '';
}

/** What the others said, side by side, for whoever decides. */
function Others({ claim }: { claim: Claim }) {
  const answers = (claim.item.answers ?? []).filter((a) => !a.check);
  if (answers.length === 0) return null;
  const names = (claim.item.questions ?? []).map((q) => q.attribute);
  const cell = (values: string[] | null | undefined, boxes = 0) => (values && values.length > 0 ? values.join(', ') : 'none') + (boxes > 0 ? ` (${count(boxes)} ${boxes === 1 ? 'box' : 'boxes'})` : '');
  return (
    <div className="card" style={{ overflowX: 'auto' }}>
      <table className="answers">
        <caption>What the others said</caption>
        <thead>
          <tr>
            <th />
            {answers.map((a) => <th key={a.by} scope="col">{a.by}</th>)}
          </tr>
        </thead>
        <tbody>
          {names.map((name) => {
            const said = answers.map((a) => (a.skip ? `skipped: ${a.skip}` : cell([...(a.values?.[name] ?? [])].sort(), a.boxes?.[name]?.length)));
            const differ = new Set(answers.map((a) => a.skip ?? cell([...(a.values?.[name] ?? [])].sort()))).size > 1;
            return (
              <tr key={name} data-differ={differ}>
                <th scope="row">{name}{differ && ' ≠'}</th>
                {said.map((s, i) => <td key={i}>{s}</td>)}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function SkipDialog({ opened, close, reasons, skip }: { opened: boolean; close: () => void; reasons: string[]; skip: (reason: string) => void }) {
  const [own, setOwn] = useState('');
  const choose = useCallback((reason: string) => { close(); setOwn(''); skip(reason); }, [close, skip]);
  useEffect(() => {
    if (!opened) return;
    const press = (e: KeyboardEvent) => {
      const n = Number(e.key) - 1;
      if (e.target instanceof HTMLInputElement || !(n >= 0 && n < reasons.length)) return;
      e.preventDefault();
      choose(reasons[n]!);
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [opened, reasons, choose]);
  return (
    <Modal opened={opened} onClose={close} title="Why can’t it be answered?">
      <Stack gap="xs">
        {reasons.map((r, i) => (
          <Button key={r} variant="default" justify="flex-start" onClick={() => choose(r)} leftSection={<span className="key">{i + 1}</span>}>
            {r}
          </Button>
        ))}
        <form onSubmit={(e) => { e.preventDefault(); if (own.trim()) choose(`other: ${own.trim()}`); }}>
          <TextInput label="Something else" value={own} onChange={(e) => setOwn(e.currentTarget.value)} maxLength={150} rightSectionWidth={70} rightSection={<Button type="submit" size="compact-sm" disabled={!own.trim()}>Skip</Button>} />
        </form>
        <Text size="xs" c="dimmed">Another person is asked then; after two skips an analyst decides.</Text>
      </Stack>
    </Modal>
  );
}

function Help({ opened, close }: { opened: boolean; close: () => void }) {
  const rows = [...Object.values(commands), ...moves, ...boxMoves, { key: '1 … 9, 0, a … z', label: 'The choices of the question that is marked, as shown on them' }, { key: 'Esc', label: 'Close what is open' }];
  return (
    <Modal opened={opened} onClose={close} title="Keys" size="md">
      <table className="keys">
        <tbody>
          {rows.map((r) => (
            <tr key={r.key}>
              <td><span className="key">{r.key.length === 1 ? r.key.toUpperCase() : r.key}</span></td>
              <td>{r.label}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}
