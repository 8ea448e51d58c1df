import { Alert, Button, Group, Select, Table, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { one, useAddress } from '../ui/address';
import { count, date, percent } from '../ui/format';
import { Plot, type Line } from '../ui/Plot';
import { Asked, Card, Empty, Page } from '../ui/States';

type Share = Schemas['Share'];
const names = ['category', 'garment', 'color', 'brand', 'material', 'style', 'occasion'];
const asPercent = (v: number) => percent(v, v < 0.095 ? 1 : 0);

export default function Trends() {
  const [search, change] = useAddress();
  const name = one(search.name) || 'color';
  const profiles = useQuery({ queryKey: ['profiles'], queryFn: () => ask(client.GET('/v1/profiles')) });
  const all = [...new Set((profiles.data?.items ?? []).map((p) => p.name))];
  const profile = one(search.profile) || (all.includes('tendencies') ? 'tendencies' : all[0]) || '';
  const values = useQuery({
    queryKey: ['values', name, profile],
    enabled: profile !== '',
    queryFn: () => ask(client.GET('/v1/search', { params: { query: { facet: [name], profile: [profile], limit: 1 } } })),
  });
  const known = (values.data?.facets?.[name] as Schemas['FacetCount'][] | undefined)?.map((f) => f.value) ?? [];
  const value = one(search.value) || known[0] || '';
  const bucket = (one(search.bucket) || 'day') as 'day' | 'week' | 'month';
  const by = one(search.by);
  const since = one(search.since) || daysAgo(bucket === 'day' ? 60 : bucket === 'week' ? 365 : 1800);
  const trend = useQuery({
    queryKey: ['trend', name, value, profile, bucket, by, since],
    enabled: value !== '' && profile !== '',
    placeholderData: keepPreviousData,
    queryFn: () => ask(client.GET('/v1/trends', { params: { query: { name, value, profile, bucket, by: by || undefined, since: since + 'T00:00:00Z', until: new Date().toISOString().slice(0, 19) + 'Z' } } })),
  });
  return (
    <Page title="Trends" intro="The share of posts that have a value, over time. What models predict is as wrong as they are; the corrected share takes people’s answers to a random sample into account, with a 95 % interval.">
      <Group align="flex-end" gap="xs">
        <Select label="Attribute" data={names} value={name} onChange={(v) => change({ name: v ?? undefined, value: undefined })} allowDeselect={false} w={140} />
        <ValueInput value={value} known={known} set={(v) => change({ value: v })} />
        <Select label="Use case" data={all} value={profile} onChange={(v) => change({ profile: v ?? undefined })} allowDeselect={false} w={150} />
        <Select label="Spans" data={['day', 'week', 'month']} value={bucket} onChange={(v) => change({ bucket: v ?? undefined, since: undefined })} allowDeselect={false} w={110} />
        <Select label="Also by" data={['source', 'language', 'country', ...names.filter((n) => n !== name)]} value={by || null} onChange={(v) => change({ by: v ?? undefined })} clearable placeholder="nothing" w={140} />
        <TextInput label="Since" type="date" value={since} onChange={(e) => change({ since: e.currentTarget.value || undefined })} />
      </Group>
      {profile === '' || value === '' ? (
        <Empty title="Nothing to follow yet">No post of this use case has been published with a value of this attribute.</Empty>
      ) : (
        <Asked query={trend}>{(t) => <Trend shares={t.items} title={`${name}: ${value}`} grouped={by !== ''} />}</Asked>
      )}
    </Page>
  );
}

const daysAgo = (n: number) => new Date(Date.now() - n * 86_400_000).toISOString().slice(0, 10);

function ValueInput({ value, known, set }: { value: string; known: string[]; set: (v: string) => void }) {
  return <Select label="Value" data={known.includes(value) || value === '' ? known : [value, ...known]} value={value || null} onChange={(v) => v && set(v)} allowDeselect={false} searchable w={180} />;
}

function Trend({ shares, title, grouped }: { shares: Share[]; title: string; grouped: boolean }) {
  const plot = useMemo(() => (grouped ? groups(shares) : single(shares)), [shares, grouped]);
  const note = shares.find((s) => s.note)?.note;
  if (!shares.some((s) => s.posts > 0)) return <Empty title="No posts in this time">Take a longer time, or another use case.</Empty>;
  return (
    <>
      <Card title={title}>
        <Plot label={`Share of posts with ${title} over time; the table below has the numbers`} times={plot.times} lines={plot.lines} bands={plot.bands} format={asPercent} height={300} />
        {note && <Alert mt="sm" variant="light" color="gray">Some spans have no corrected share: {note}</Alert>}
      </Card>
      <Card title="Numbers">
        <Numbers shares={shares} grouped={grouped} />
      </Card>
    </>
  );
}

const at = (s: Share) => new Date(s.from).getTime() / 1000;

function single(shares: Share[]) {
  const lines: Line[] = [
    { label: 'predicted by models', values: shares.map((s) => (s.posts ? s.model : null)), dash: shares.some((s) => s.corrected !== undefined) },
    { label: 'corrected by people’s answers', values: shares.map((s) => s.corrected ?? null) },
    { label: 'low', values: shares.map((s) => s.low ?? null), edge: true },
    { label: 'high', values: shares.map((s) => s.high ?? null), edge: true },
  ];
  return { times: shares.map(at), lines: lines.filter((l) => l.values.some((v) => v !== null)), bands: shares.some((s) => s.low !== undefined) ? ([[2, 3]] as [number, number][]) : undefined };
}

function groups(shares: Share[]) {
  const times = [...new Set(shares.map(at))].sort((a, b) => a - b);
  const sizes = new Map<string, number>();
  for (const s of shares) sizes.set(s.group ?? '', (sizes.get(s.group ?? '') ?? 0) + s.posts);
  const top = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([g]) => g);
  const found = new Map(shares.map((s) => [`${s.group ?? ''} ${at(s)}`, s]));
  const lines = top.map((g) => ({ label: g || 'none', values: times.map((t) => { const s = found.get(`${g} ${t}`); return s && s.posts ? (s.corrected ?? s.model) : null; }) }));
  return { times, lines, bands: undefined };
}

function Numbers({ shares, grouped }: { shares: Share[]; grouped: boolean }) {
  const [all, setAll] = useState(false);
  const rows = shares.filter((s) => s.posts > 0).reverse();
  return (
    <Table.ScrollContainer minWidth={560}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>From</Table.Th>
            {grouped && <Table.Th>Group</Table.Th>}
            <Table.Th className="num">Posts</Table.Th>
            <Table.Th className="num">Looked at by people</Table.Th>
            <Table.Th className="num">Predicted</Table.Th>
            <Table.Th className="num">Corrected</Table.Th>
            <Table.Th className="num">95 % interval</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.slice(0, all ? 2400 : 15).map((s) => (
            <Table.Tr key={s.from + (s.group ?? '')}>
              <Table.Td>{date(s.from)}</Table.Td>
              {grouped && <Table.Td>{s.group || '–'}</Table.Td>}
              <Table.Td className="num">{count(s.posts)}</Table.Td>
              <Table.Td className="num">{count(s.labelled)}</Table.Td>
              <Table.Td className="num">{percent(s.model, 1)}</Table.Td>
              <Table.Td className="num">{percent(s.corrected, 1)}</Table.Td>
              <Table.Td className="num">{s.low === undefined ? '–' : `${percent(s.low, 1)} – ${percent(s.high, 1)}`}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {rows.length > 15 && !all && (
        <Button variant="default" size="xs" mt="xs" onClick={() => setAll(true)}>
          All {count(rows.length)} rows
        </Button>
      )}
      <Text size="xs" c="dimmed" mt="xs">
        Days are UTC.
      </Text>
    </Table.ScrollContainer>
  );
}
