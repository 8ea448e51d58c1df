import { Button, Group, Select, SimpleGrid, Table, Text } from '@mantine/core';
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { useMay } from '../api/me';
import { one, useAddress } from '../ui/address';
import { count, moment, span } from '../ui/format';
import { Plot, type Line } from '../ui/Plot';
import { Asked, Card, Empty } from '../ui/States';
import { steps } from '../ui/steps';

type StepHour = Schemas['StepHour'];

const hour = 3_600_000;
const times = [{ value: '24', label: 'last 24 hours' }, { value: '48', label: 'last 2 days' }, { value: '168', label: 'last 7 days' }];

// In the order in which the bars stand on each other, failures on top.
const outcomes = [
  { name: 'advance', label: 'went on', hue: '#4c6ef5' },
  { name: 'done', label: 'done', hue: '#0ca678' },
  { name: 'dropped', label: 'dropped', hue: '#868e96' },
  { name: 'park', label: 'wait for people', hue: '#9775fa' },
  { name: 'wait', label: 'waited', hue: '#22b8cf' },
  { name: 'retry', label: 'tried again', hue: '#f08c00' },
  { name: 'failed', label: 'failed', hue: '#e03131' },
];

interface Loaded {
  /** When each hour begins, in seconds since 1970: also those in which nothing happened. */
  hours: number[];
  rows: StepHour[];
}

async function load(n: number, profile: string): Promise<Loaded> {
  const first = Math.floor(Date.now() / hour) * hour - (n - 1) * hour;
  const { items } = await ask(client.GET('/v1/activity', { params: { query: { since: new Date(first).toISOString(), profile: profile || undefined } } }));
  return { hours: Array.from({ length: n }, (_, i) => (first + i * hour) / 1000), rows: items };
}

/** What the steps did, hour by hour: how many posts, how they ended, what it cost, what failed. */
export function Hours({ counts }: { counts: UseQueryResult<{ items: Schemas['Count'][] }> }) {
  const [search, change] = useAddress();
  const n = times.some((t) => t.value === search.hours) ? Number(search.hours) : 24;
  const profile = one(search.profile);
  const profiles = useQuery({ queryKey: ['profiles'], queryFn: () => ask(client.GET('/v1/profiles')) });
  const activity = useQuery({ queryKey: ['activity', n, profile], queryFn: () => load(n, profile), refetchInterval: 10_000, placeholderData: keepPreviousData });
  const names = [...new Set([...(profiles.data?.items ?? []).map((p) => p.name), ...(profile ? [profile] : [])])];
  return (
    <>
      <Group align="flex-end" gap="xs">
        <Select label="Time" data={times} value={String(n)} onChange={(v) => change({ hours: v === '24' ? undefined : (v ?? undefined) })} allowDeselect={false} w={150} />
        <Select label="Use case" data={names} value={profile || null} onChange={(v) => change({ profile: v ?? undefined })} clearable placeholder="all" w={160} />
      </Group>
      <Card title="Posts per hour" actions={<StepChoice />}>
        <Asked query={activity}>{(a) => <PerHour asked={a} step={one(search.step)} />}</Asked>
      </Card>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Card title="Cost per hour">
          <Asked query={activity}>{(a) => <Cost asked={a} />}</Asked>
        </Card>
        <Card title="Failures">
          <Asked query={counts}>
            {(c) => <Asked query={activity}>{(a) => <Failures rows={a.rows} counts={c.items.filter((x) => x.state === 'failed' && (!profile || x.profile === profile))} />}</Asked>}
          </Asked>
        </Card>
      </SimpleGrid>
    </>
  );
}

function StepChoice() {
  const [search, change] = useAddress();
  return <Select aria-label="Step" data={steps} value={one(search.step) || null} onChange={(v) => change({ step: v ?? undefined })} clearable placeholder="every step" w={160} />;
}

/** Sums of n, or of the cost, by a key. */
function sums(rows: StepHour[], key: (r: StepHour) => string, what: 'n' | 'cost' = 'n') {
  const out = new Map<string, number>();
  for (const r of rows) out.set(key(r), (out.get(key(r)) ?? 0) + r[what]);
  return out;
}

const at = (r: StepHour) => new Date(r.hour).getTime() / 1000;
const whole = (v: number) => (Number.isInteger(v) ? count(v) : '');

function PerHour({ asked, step }: { asked: Loaded; step: string }) {
  const [open, setOpen] = useState(false);
  const rows = useMemo(() => asked.rows.filter((r) => !step || r.step === step), [asked.rows, step]);
  const shown = useMemo(() => outcomes.filter((o) => rows.some((r) => r.outcome === o.name)), [rows]);
  const byHour = useMemo(() => sums(rows, (r) => `${at(r)} ${r.outcome}`), [rows]);
  const lines = useMemo<Line[]>(() => shown.map((o) => ({ label: o.label, hue: o.hue, values: asked.hours.map((h) => byHour.get(`${h} ${o.name}`) ?? 0) })), [shown, asked.hours, byHour]);
  if (rows.length === 0) return <Empty title="Nothing happened in this time">{step ? `At ${step}: take a longer time, or another step.` : 'Take a longer time, or see whether a worker runs.'}</Empty>;
  return (
    <>
      <div className="chart-and-table">
        <Plot label={`Posts per hour by outcome, ${step || 'every step'}; the tables beside it have the numbers`} times={asked.hours} lines={lines} format={whole} height={230} stacked />
        <BySteps rows={rows} shown={shown} />
      </div>
      <Group justify="space-between" mt="xs">
        <Text size="xs" c="dimmed">
          {step ? 'A post that waited or was tried again counts each time.' : 'A post counts at each step that it passes, and each time that it waited or was tried again.'}
        </Text>
        <Button variant="default" size="xs" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Hide the hours' : 'Numbers by hour'}
        </Button>
      </Group>
      {open && <ByHours hours={asked.hours} byHour={byHour} shown={shown} />}
    </>
  );
}

type Shown = typeof outcomes;

function BySteps({ rows, shown }: { rows: StepHour[]; shown: Shown }) {
  const sum = sums(rows, (r) => `${r.step} ${r.outcome}`);
  return (
    <Numbers label="Posts by step and outcome" first="Step" shown={shown} rows={steps.filter((s) => rows.some((r) => r.step === s)).map((s) => ({ name: s, of: (o) => sum.get(`${s} ${o}`) }))} />
  );
}

function ByHours({ hours, byHour, shown }: { hours: number[]; byHour: Map<string, number>; shown: Shown }) {
  const some = [...hours].reverse().filter((h) => shown.some((o) => byHour.has(`${h} ${o.name}`)));
  return <Numbers label="Posts by hour and outcome" first="Hour from" shown={shown} rows={some.map((h) => ({ name: moment(new Date(h * 1000).toISOString()), of: (o) => byHour.get(`${h} ${o}`) }))} />;
}

function Numbers({ label, first, shown, rows }: { label: string; first: string; shown: Shown; rows: { name: string; of: (outcome: string) => number | undefined }[] }) {
  return (
    <Table.ScrollContainer minWidth={400}>
      <Table aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{first}</Table.Th>
            {shown.map((o) => <Table.Th className="num" key={o.name}>{o.label}</Table.Th>)}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((r) => (
            <Table.Tr key={r.name}>
              <Table.Th scope="row" fw={400} style={{ whiteSpace: 'nowrap' }}>{r.name}</Table.Th>
              {shown.map((o) => <Table.Td className="num" key={o.name}>{count(r.of(o.name))}</Table.Td>)}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

const hues = ['#22b8cf', '#4c6ef5', '#e8590c', '#9775fa', '#0ca678', '#868e96'];

function Cost({ asked }: { asked: Loaded }) {
  const rows = useMemo(() => asked.rows.filter((r) => r.cost > 0), [asked.rows]);
  const lines = useMemo<Line[]>(() => {
    const byHour = sums(rows, (r) => `${at(r)} ${r.step}`, 'cost');
    return steps.flatMap((s, i) => (rows.some((r) => r.step === s) ? [{ label: s, hue: hues[i], values: asked.hours.map((h) => byHour.get(`${h} ${s}`) ?? 0) }] : []));
  }, [rows, asked.hours]);
  if (rows.length === 0) return <Empty title="Nothing was spent in this time">Costs are CPU seconds of the models.</Empty>;
  const cost = sums(rows, (r) => `${r.step}\n${r.profile}`, 'cost');
  const posts = sums(asked.rows.filter((r) => !['wait', 'retry', 'park'].includes(r.outcome)), (r) => `${r.step}\n${r.profile}`);
  return (
    <>
      <Plot label="CPU seconds per hour by step; the table below has the sums" times={asked.hours} lines={lines} format={span} height={170} stacked />
      <Table aria-label="Cost by step and use case">
        <Table.Thead>
          <Table.Tr><Table.Th>Step</Table.Th><Table.Th>Use case</Table.Th><Table.Th className="num">CPU time</Table.Th><Table.Th className="num">per 1,000 posts</Table.Th></Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {[...cost].sort((a, b) => b[1] - a[1]).map(([key, c]) => {
            const [step, profile] = key.split('\n');
            const n = posts.get(key);
            return (
              <Table.Tr key={key}>
                <Table.Td>{step}</Table.Td>
                <Table.Td>{profile}</Table.Td>
                <Table.Td className="num">{span(c)}</Table.Td>
                <Table.Td className="num">{n ? span((1000 * c) / n) : '–'}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </>
  );
}

/** What failed in this time, and what stands failed now: it may have been queued again since. */
function Failures({ rows, counts }: { rows: StepHour[]; counts: Schemas['Count'][] }) {
  const may = useMay('analyst');
  const key = (r: { step?: string; profile: string }) => `${r.step ?? ''}\n${r.profile}`;
  const failed = sums(rows.filter((r) => r.outcome === 'failed'), key);
  const again = sums(rows.filter((r) => r.outcome === 'retry'), key);
  const now = new Map(counts.map((c) => [key(c), c.n]));
  const keys = [...new Set([...now.keys(), ...failed.keys(), ...again.keys()])].sort((a, b) => (failed.get(b) ?? 0) - (failed.get(a) ?? 0) || (now.get(b) ?? 0) - (now.get(a) ?? 0));
  if (keys.length === 0) return <Empty title="Nothing failed">No run has failed in this time, and none stands failed.</Empty>;
  return (
    <Table aria-label="Failures by step and use case">
      <Table.Thead>
        <Table.Tr><Table.Th>Step</Table.Th><Table.Th>Use case</Table.Th><Table.Th className="num">Failed</Table.Th><Table.Th className="num">Tried again</Table.Th><Table.Th className="num">Stand failed now</Table.Th></Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {keys.map((k) => {
          const [step, profile] = k.split('\n');
          const n = now.get(k) ?? 0;
          return (
            <Table.Tr key={k}>
              <Table.Td>{step || '–'}</Table.Td>
              <Table.Td>{profile}</Table.Td>
              <Table.Td className="num">{count(failed.get(k) ?? 0)}</Table.Td>
              <Table.Td className="num">{count(again.get(k) ?? 0)}</Table.Td>
              <Table.Td className="num">
                {may && n > 0 ? <Link to="/runs" search={{ state: 'failed', step, profile } as never} aria-label={`${n} failed runs of ${profile} at ${step}: why`}>{count(n)}</Link> : count(n)}
              </Table.Td>
            </Table.Tr>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}
