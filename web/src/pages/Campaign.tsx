import { Button, Group, Modal, SimpleGrid, Table, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { useMay } from '../api/me';
import { State } from '../ui/Bits';
import { count, moment, percent, span } from '../ui/format';
import { Asked, Card, Page, Trouble } from '../ui/States';
import { Share, Which } from './Campaigns';

type Verb = 'pause' | 'resume' | 'cancel';

export default function Campaign() {
  const { id } = useParams({ strict: false }) as { id: string };
  const campaign = useQuery({
    queryKey: ['campaign', id],
    queryFn: () => ask(client.GET('/v1/campaigns/{id}', { params: { path: { id } } })),
    refetchInterval: (q) => (q.state.data?.state === 'running' || q.state.data?.state === 'paused' ? 2_000 : 15_000),
  });
  const changes = useQuery({ queryKey: ['changes', id], queryFn: () => ask(client.GET('/v1/campaigns/{id}/changes', { params: { path: { id } } })), refetchInterval: 10_000 });
  return (
    <Page title={<>Campaign <span className="mono">{id}</span></>} actions={campaign.data && <Acts id={id} state={campaign.data.state ?? ''} />}>
      <Asked query={campaign}>{(c) => <Facts of={c} />}</Asked>
      <Card title="What it changed">
        <Asked query={changes}>{(c) => <Changes of={c} />}</Asked>
      </Card>
    </Page>
  );
}

function Acts({ id, state }: { id: string; state: string }) {
  const may = useMay('operator');
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const act = useMutation({
    mutationFn: (verb: Verb) => ask(client.POST(`/v1/campaigns/{id}/${verb}`, { params: { path: { id } } })),
    onSuccess: (c) => {
      setAsking(false);
      queries.setQueryData(['campaign', id], c);
      void queries.invalidateQueries({ queryKey: ['campaigns'] });
    },
  });
  if (!may || (state !== 'running' && state !== 'paused')) return null;
  return (
    <>
      {act.error && <Trouble error={act.error} />}
      {state === 'running' && <Button variant="default" loading={act.isPending} onClick={() => act.mutate('pause')}>Pause</Button>}
      {state === 'paused' && <Button variant="default" loading={act.isPending} onClick={() => act.mutate('resume')}>Go on</Button>}
      <Button color="red.9" onClick={() => setAsking(true)}>Cancel</Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title="Cancel this campaign?">
        <Text size="sm" mb="md">Posts that are on their way are left as they were before. Those that are done stay.</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => setAsking(false)}>Let it run</Button>
          <Button color="red.9" loading={act.isPending} onClick={() => act.mutate('cancel')}>Cancel it</Button>
        </Group>
      </Modal>
    </>
  );
}

function Facts({ of: c }: { of: Schemas['Campaign'] }) {
  const runs = Object.entries((c.runs ?? {}) as Record<string, number>);
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      <Card title={<State of={c.state ?? ''} />}>
        <Text size="sm">{c.profile}, version <span className="mono">{c.version}</span>; <Which of={c} /></Text>
        <Text size="sm">Begun by {c.by ?? '–'}, {moment(c.started_at)}{c.ended_at && `; ended ${moment(c.ended_at)}`}</Text>
        <Text size="sm">{count(c.taken.posts)} posts taken{c.taken.cost > 0 && `, foreseen ${span(c.taken.cost)} of CPU`}</Text>
        {c.error && <Text size="sm" c="red.9">{c.error}</Text>}
      </Card>
      <Card title="Its runs">
        <Share of={c} />
        <Group mt="sm" gap="md">
          {runs.map(([state, n]) => <Group key={state} gap={6}><State of={state} /> {count(n)}</Group>)}
          {runs.length === 0 && <Text size="sm" c="dimmed">None yet.</Text>}
        </Group>
      </Card>
    </SimpleGrid>
  );
}

function Changes({ of: c }: { of: Schemas['Changes'] }) {
  const rows = Object.entries(c.attributes as Record<string, Schemas['AttributeChange']>);
  return (
    <>
      <Text size="sm">
        {count(c.posts)} posts published anew, {count(c.changed)} of them changed{c.posts > 0 && ` (${percent(c.changed / c.posts)})`}, {count(c.new)} for the first time{c.more && '; there are more'}.
      </Text>
      {rows.length > 0 && (
        <Table mt="sm">
          <Table.Thead><Table.Tr><Table.Th>Attribute</Table.Th><Table.Th className="num">Posts</Table.Th><Table.Th>More of</Table.Th><Table.Th>Less of</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {rows.map(([name, x]) => (
              <Table.Tr key={name}><Table.Td>{name}</Table.Td><Table.Td className="num">{count(x.posts)}</Table.Td><Table.Td>{top(x.added)}</Table.Td><Table.Td>{top(x.removed)}</Table.Td></Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {c.examples.length > 0 && (
        <Group gap="sm" mt="sm">
          <Text size="sm">Such as</Text>
          {c.examples.slice(0, 8).map((p) => <Link key={p} to="/post/$id" params={{ id: p }} className="mono">{p}</Link>)}
        </Group>
      )}
    </>
  );
}

const top = (values: unknown) =>
  Object.entries((values ?? {}) as Record<string, number>).sort((a, b) => b[1] - a[1]).slice(0, 5).map(([v, n]) => `${v} ${n}`).join(', ') || '–';
