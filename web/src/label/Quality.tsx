import { Badge, Button, Group, Select, SimpleGrid, Stack, Table, Tabs, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { one, useAddress } from '../ui/address';
import { Ago } from '../ui/Bits';
import { count, percent, span } from '../ui/format';
import { Plot } from '../ui/Plot';
import { Asked, Card, Empty, Page } from '../ui/States';
import { Gold } from './Gold';

/** For whoever looks after the labelers: how far they are, whether they agree, who is right how often. */
export default function Quality() {
  const [search, change] = useAddress();
  const profile = one(search.profile) || undefined;
  const profiles = useQuery({ queryKey: ['profiles'], queryFn: () => ask(client.GET('/v1/profiles')) });
  return (
    <Page
      title="Labelers’ work"
      actions={<Select aria-label="Use case" placeholder="all use cases" data={[...new Set((profiles.data?.items ?? []).map((p) => p.name))]} value={profile ?? null} onChange={(v) => change({ profile: v ?? undefined })} clearable w={180} />}
    >
      <Tabs value={one(search.view) || 'progress'} onChange={(v) => change({ view: v ?? undefined })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="progress">Progress</Tabs.Tab>
          <Tabs.Tab value="agreement">Agreement</Tabs.Tab>
          <Tabs.Tab value="labelers">Labelers</Tabs.Tab>
          <Tabs.Tab value="disputed">To decide</Tabs.Tab>
          <Tabs.Tab value="gold">Gold</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="progress"><Progress profile={profile} /></Tabs.Panel>
        <Tabs.Panel value="agreement"><Agreement profile={profile} /></Tabs.Panel>
        <Tabs.Panel value="labelers"><Labelers profile={profile} /></Tabs.Panel>
        <Tabs.Panel value="disputed"><Disputed profile={profile} /></Tabs.Panel>
        <Tabs.Panel value="gold"><Gold profile={profile} /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

interface Of {
  profile: string | undefined;
}

const whole = (v: number) => (Number.isInteger(v) ? count(v) : '');

function Progress({ profile }: Of) {
  const progress = useQuery({ queryKey: ['progress', profile], queryFn: () => ask(client.GET('/v1/labels/progress', { params: { query: { profile } } })), refetchInterval: 15_000 });
  return <Asked query={progress}>{(p) => <Standing of={p} />}</Asked>;
}

function Standing({ of: p }: { of: Schemas['LabelProgress'] }) {
  const plot = useMemo(
    () => ({
      times: p.hours.map((h) => new Date(h.from).getTime() / 1000),
      lines: [{ label: 'answers', values: p.hours.map((h) => h.answers) }, { label: 'skipped', values: p.hours.map((h) => h.skips) }],
    }),
    [p.hours],
  );
  const recent = p.hours.slice(-3).reduce((n, h) => n + h.answers, 0) / 3;
  const tiles = [
    { label: 'open', n: count(p.open) },
    { label: 'with somebody', n: count(p.held) },
    { label: 'to decide', n: count(p.disputed) },
    { label: 'left at this pace', n: recent > 0 ? span((p.open / recent) * 3600) : '–' },
  ];
  return (
    <>
      <SimpleGrid cols={{ base: 2, sm: 4 }} mb="md">
        {tiles.map((t) => (
          <section className="card" key={t.label} aria-label={t.label}>
            <Text fz={26} fw={700}>{t.n}</Text>
            <Text size="sm" c="dimmed">{t.label}</Text>
          </section>
        ))}
      </SimpleGrid>
      <Card title="Answers by hour">
        {p.hours.length === 0 ? <Empty title="No answers in the last day" /> : <Plot label={`Answers by hour over the last day: ${count(p.hours.reduce((n, h) => n + h.answers, 0))} in all`} times={plot.times} lines={plot.lines} format={whole} height={220} bars />}
        {p.oldest && <Text size="sm" c="dimmed">The oldest open question was asked <Ago at={p.oldest} />.</Text>}
      </Card>
    </>
  );
}

function Agreement({ profile }: Of) {
  const query = useQuery({ queryKey: ['agreement', profile], queryFn: () => ask(client.GET('/v1/labels/agreement', { params: { query: { profile } } })) });
  return (
    <Asked query={query}>
      {(a) =>
        a.attributes.length === 0 ? (
          <Empty title="Nothing to compare yet">Agreement needs questions that two people or more have answered: use cases ask for them with “answers”.</Empty>
        ) : (
          <Stack>
            <Card title="Krippendorff’s alpha, with its 95 % interval">
              <Text size="sm" c="dimmed" mb="sm">1 is full agreement, 0 what chance gives. From 0.8 on answers are dependable; below 0.67 the guidelines need work.</Text>
              {a.attributes.map((x) => <Alpha key={x.attribute} of={x} />)}
            </Card>
            <Card title="Numbers">
              <Table.ScrollContainer minWidth={760}>
                <Table>
                  <Table.Thead>
                    <Table.Tr><Table.Th>Attribute</Table.Th><Table.Th className="num">Questions</Table.Th><Table.Th className="num">Answers</Table.Th><Table.Th className="num">People</Table.Th><Table.Th className="num">Agree</Table.Th><Table.Th className="num">Cohen κ</Table.Th><Table.Th className="num">Fleiss κ</Table.Th><Table.Th className="num">Alpha</Table.Th><Table.Th>Taken for each other</Table.Th></Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {a.attributes.map((x) => (
                      <Table.Tr key={x.attribute}>
                        <Table.Td fw={600}>{x.attribute}</Table.Td>
                        <Table.Td className="num">{count(x.items)}</Table.Td>
                        <Table.Td className="num">{count(x.answers)}</Table.Td>
                        <Table.Td className="num">{count(x.raters)}</Table.Td>
                        <Table.Td className="num">{percent(x.percent)}</Table.Td>
                        <Table.Td className="num">{places(x.cohen_kappa)}</Table.Td>
                        <Table.Td className="num">{places(x.fleiss_kappa)}</Table.Td>
                        <Table.Td className="num">{places(x.krippendorff_alpha)}</Table.Td>
                        <Table.Td>{x.confusion.filter((c) => c.a !== c.b).slice(0, 3).map((c) => <Badge key={c.a + c.b} color="gray" mr={4}>{c.a || 'none'} / {c.b || 'none'} {count(c.count)}</Badge>)}</Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            </Card>
          </Stack>
        )
      }
    </Asked>
  );
}

const places = (v: number | undefined) => (v === undefined ? '–' : v.toFixed(2));

function Alpha({ of: x }: { of: Schemas['Agreement'] }) {
  const alpha = x.krippendorff_alpha;
  const at = (v: number) => `${Math.max(0, Math.min(1, v)) * 100}%`;
  const low = x.alpha_low ?? alpha ?? 0;
  const high = x.alpha_high ?? alpha ?? 0;
  const text = alpha === undefined ? 'not to be told' : `${alpha.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}), ${count(x.items)} questions`;
  return (
    <div className="alpha">
      <span>{x.attribute}</span>
      <div className="alpha-line" role="img" aria-label={`${x.attribute}: ${text}`}>
        <i style={{ left: '67%' }} /><i style={{ left: '80%' }} />
        {alpha !== undefined && (
          <>
            <b style={{ left: at(low), width: `calc(${at(high)} - ${at(low)})` }} />
            <em style={{ left: at(alpha) }} />
          </>
        )}
      </div>
      <span className="alpha-text">{text}</span>
    </div>
  );
}

function Labelers({ profile }: Of) {
  const query = useQuery({ queryKey: ['labelers', profile], queryFn: () => ask(client.GET('/v1/labels/labelers', { params: { query: { profile } } })) });
  return (
    <Asked query={query}>
      {(l) =>
        l.labelers.length === 0 ? (
          <Empty title="Nobody has answered yet" />
        ) : (
          <Card>
            <Table.ScrollContainer minWidth={760}>
              <Table>
                <Table.Thead>
                  <Table.Tr><Table.Th>Who</Table.Th><Table.Th className="num">Answers</Table.Th><Table.Th className="num">Skipped</Table.Th><Table.Th className="num">Gold right</Table.Th><Table.Th className="num">As decided in the end</Table.Th><Table.Th className="num">Median time</Table.Th><Table.Th className="num">9 of 10 within</Table.Th><Table.Th className="num">At work</Table.Th></Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {l.labelers.map((x) => (
                    <Table.Tr key={x.name}>
                      <Table.Td fw={600}>{x.name}</Table.Td>
                      <Table.Td className="num">{count(x.answers)}</Table.Td>
                      <Table.Td className="num">{count(x.skips)}</Table.Td>
                      <Table.Td className="num">{x.gold_asked > 0 ? `${count(x.gold_right)} of ${count(x.gold_asked)}` : '–'}</Table.Td>
                      <Table.Td className="num">{x.compared > 0 ? `${percent(x.agreeing / x.compared)} of ${count(x.compared)}` : '–'}</Table.Td>
                      <Table.Td className="num">{span(x.median_seconds)}</Table.Td>
                      <Table.Td className="num">{span(x.p90_seconds)}</Table.Td>
                      <Table.Td className="num">{span(x.active_median_seconds)}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <Text size="xs" c="dimmed" mt="xs">Times are the server’s, from the claim to the answer. “At work” leaves out when the page was not seen, or not touched for half a minute.</Text>
          </Card>
        )
      }
    </Asked>
  );
}

function Disputed({ profile }: Of) {
  const query = useInfiniteQuery({
    queryKey: ['disputed', profile],
    initialPageParam: '',
    queryFn: ({ pageParam }) => ask(client.GET('/v1/labels/disputed', { params: { query: { profile, limit: 50, cursor: pageParam || undefined } } })),
    getNextPageParam: (last) => last.next_cursor || undefined,
  });
  return (
    <Asked query={query}>
      {(d) =>
        d.pages[0]?.items.length === 0 ? (
          <Empty title="Nothing to decide">Questions whose answers differ come here, and those that two people have skipped.</Empty>
        ) : (
          <>
          <SimpleGrid cols={{ base: 1, lg: 2 }}>
            {d.pages.flatMap((p) => p.items).map((it) => (
              <Card key={it.id} title={<Link to="/post/$id" params={{ id: it.post }} className="mono">{it.post}</Link>}
                actions={<Button component={Link} to="/label" search={{ item: it.id } as never} size="xs">Decide</Button>}>
                <Group gap={6} mb="xs"><Badge color="gray">{it.profile}</Badge><Text size="sm" c="dimmed">{it.reason}</Text></Group>
                <Differences of={it} />
              </Card>
            ))}
          </SimpleGrid>
          {query.hasNextPage && <Group justify="center" mt="md"><Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>More</Button></Group>}
          </>
        )
      }
    </Asked>
  );
}

function Differences({ of: it }: { of: Schemas['Item'] }) {
  const answers = (it.answers ?? []).filter((a) => !a.check);
  const cell = (a: Schemas['Answer'], name: string) => (a.skip ? `skipped: ${a.skip}` : [...(((a.values ?? {}) as Record<string, string[]>)[name] ?? [])].sort().join(', ') || 'none');
  const rows = it.questions.map((q) => ({ name: q.attribute, said: answers.map((a) => cell(a, q.attribute)) })).filter((r) => new Set(r.said).size > 1 || answers.every((a) => a.skip));
  return (
    <div style={{ overflowX: 'auto' }}>
      <table className="answers">
        <thead><tr><td />{answers.map((a) => <th key={a.by} scope="col">{a.by}</th>)}</tr></thead>
        <tbody>{rows.map((r) => <tr key={r.name}><th scope="row">{r.name}</th>{r.said.map((s, i) => <td key={i}>{s}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}
