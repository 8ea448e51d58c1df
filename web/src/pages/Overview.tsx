import { SimpleGrid, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ask, client, type Schemas } from '../api/client';
import { useMay } from '../api/me';
import { count } from '../ui/format';
import { Asked, Card, Empty, Page } from '../ui/States';
import { State } from '../ui/Bits';
import { Hours } from './Hours';

const every = 5_000;

export default function Overview() {
  const counts = useQuery({ queryKey: ['counts'], queryFn: () => ask(client.GET('/v1/runs/counts')), refetchInterval: every });
  const queues = useQuery({ queryKey: ['queues'], queryFn: () => ask(client.GET('/v1/queues')), refetchInterval: every });
  return (
    <Page title="Overview">
      <Asked query={counts}>{(c) => (c.items.length === 0 ? <Empty title="No posts yet">Import some, or name a query in the configuration.</Empty> : <Numbers counts={c.items} />)}</Asked>
      <Hours counts={counts} />
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Card title="Where the runs stand">
          <Asked query={counts}>{(c) => <ByProfile counts={c.items} />}</Asked>
        </Card>
        <Card title="Backlog of the queues">
          <Asked query={queues}>{(q) => <Backlog queues={q.items} />}</Asked>
        </Card>
      </SimpleGrid>
    </Page>
  );
}

const sum = (counts: Schemas['Count'][], ...states: string[]) => counts.filter((c) => states.includes(c.state)).reduce((n, c) => n + c.n, 0);

function Numbers({ counts }: { counts: Schemas['Count'][] }) {
  const tiles = [
    { label: 'on their way', n: sum(counts, 'queued') },
    { label: 'wait for people', n: sum(counts, 'parked') },
    { label: 'done', n: sum(counts, 'done') },
    { label: 'dropped', n: sum(counts, 'dropped') },
    { label: 'failed', n: sum(counts, 'failed') },
  ];
  return (
    <SimpleGrid cols={{ base: 2, sm: 5 }}>
      {tiles.map((t) => (
        <section className="card" key={t.label} aria-label={`Runs that are ${t.label}`}>
          <Text fz={26} fw={700} c={t.label === 'failed' && t.n > 0 ? 'light-dark(var(--mantine-color-red-9), var(--mantine-color-red-4))' : undefined} style={{ fontVariantNumeric: 'tabular-nums' }}>
            {count(t.n)}
          </Text>
          <Text size="sm" c="dimmed">{t.label}</Text>
        </section>
      ))}
    </SimpleGrid>
  );
}

function ByProfile({ counts }: { counts: Schemas['Count'][] }) {
  const may = useMay('analyst');
  return (
    <Table>
      <Table.Thead>
        <Table.Tr><Table.Th>Use case</Table.Th><Table.Th>State</Table.Th><Table.Th>Step</Table.Th><Table.Th className="num">Runs</Table.Th></Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {counts.map((c) => (
          <Table.Tr key={c.profile + c.state + (c.step ?? '')}>
            <Table.Td>{c.profile}</Table.Td>
            <Table.Td><State of={c.state} /></Table.Td>
            <Table.Td>{c.step ?? '–'}</Table.Td>
            <Table.Td className="num">
              {may ? <Link to="/runs" search={{ state: c.state, profile: c.profile, step: c.step } as never}>{count(c.n)}</Link> : count(c.n)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Backlog({ queues }: { queues: Schemas['Queue'][] }) {
  const used = queues.filter((q) => !q.queue.endsWith('.bulk') || q.pending + q.active + q.scheduled + q.retry + q.archived > 0);
  return (
    <Table>
      <Table.Thead>
        <Table.Tr><Table.Th>Queue</Table.Th><Table.Th className="num">Wait</Table.Th><Table.Th className="num">At work</Table.Th><Table.Th className="num">Later</Table.Th><Table.Th className="num">Again</Table.Th></Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {used.map((q) => (
          <Table.Tr key={q.queue}>
            <Table.Td>{q.queue}{q.paused && <> <State of="paused" /></>}</Table.Td>
            <Table.Td className="num">{count(q.pending)}</Table.Td>
            <Table.Td className="num">{count(q.active)}</Table.Td>
            <Table.Td className="num">{count(q.scheduled)}</Table.Td>
            <Table.Td className="num">{count(q.retry + q.archived)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
