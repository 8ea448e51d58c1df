import { Button, Group, Modal, Select, Table, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { ask, client } from '../api/client';
import { useMay } from '../api/me';
import { one, useAddress } from '../ui/address';
import { Ago, State } from '../ui/Bits';
import { count } from '../ui/format';
import { Card, Empty, Page, Trouble, Waiting } from '../ui/States';
import { steps } from '../ui/steps';

const states = ['failed', 'dropped', 'parked', 'queued', 'done', 'superseded'];

/** Runs by where they stand, the failed ones first; whoever may queues them again. */
export default function Runs() {
  const [search, change] = useAddress();
  const filter = { state: one(search.state) || 'failed', step: one(search.step) || undefined, profile: one(search.profile) || undefined, error: one(search.error) || undefined };
  const profiles = useQuery({ queryKey: ['profiles'], queryFn: () => ask(client.GET('/v1/profiles')) });
  const runs = useInfiniteQuery({
    queryKey: ['runs', filter],
    initialPageParam: '',
    queryFn: ({ pageParam }) => ask(client.GET('/v1/runs', { params: { query: { ...(filter as { state: 'failed'; step?: 'fetch' }), limit: 50, cursor: pageParam || undefined } } })),
    getNextPageParam: (last) => last.next_cursor || undefined,
  });
  const items = runs.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <Page title="Runs" intro="Passages of posts through a use case, by where they stand. A failed run says at which step, and why." actions={<Replay filter={filter} />}>
      <Group align="flex-end" gap="xs">
        <Select label="State" data={states} value={filter.state} onChange={(v) => change({ state: v ?? undefined })} allowDeselect={false} w={140} />
        <Select label="Step" data={steps} value={filter.step ?? null} onChange={(v) => change({ step: v ?? undefined })} clearable placeholder="any" w={160} />
        <Select label="Use case" data={[...new Set((profiles.data?.items ?? []).map((p) => p.name))]} value={filter.profile ?? null} onChange={(v) => change({ profile: v ?? undefined })} clearable placeholder="any" w={160} />
        <ErrorFilter value={filter.error ?? ''} set={(error) => change({ error: error || undefined })} />
      </Group>
      {runs.error && <Trouble error={runs.error} retry={() => void runs.refetch()} />}
      {runs.isPending && <Waiting />}
      {runs.data && items.length === 0 && <Empty title={`No run is ${filter.state}`}>With these filters.</Empty>}
      {items.length > 0 && (
        <Card>
          <Table.ScrollContainer minWidth={720}>
            <Table>
              <Table.Thead>
                <Table.Tr><Table.Th>Post</Table.Th><Table.Th>Use case</Table.Th><Table.Th>State</Table.Th><Table.Th>Step</Table.Th><Table.Th>Why</Table.Th><Table.Th>When</Table.Th></Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {items.map((r) => (
                  <Table.Tr key={r.post + r.profile}>
                    <Table.Td><Link to="/post/$id" params={{ id: r.post }} className="mono">{r.post}</Link></Table.Td>
                    <Table.Td>{r.profile}</Table.Td>
                    <Table.Td><State of={r.state} /></Table.Td>
                    <Table.Td>{r.step}</Table.Td>
                    <Table.Td className="wrap" maw={420}><Text size="sm">{r.error || r.reason || '–'}</Text></Table.Td>
                    <Table.Td><Ago at={r.moved_at} /></Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
          {runs.hasNextPage && (
            <Button variant="default" mt="sm" loading={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>
              More
            </Button>
          )}
        </Card>
      )}
    </Page>
  );
}

function ErrorFilter({ value, set }: { value: string; set: (v: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <form onSubmit={(e) => { e.preventDefault(); set(text); }}>
      <TextInput label="Part of the error" value={text} onChange={(e) => setText(e.currentTarget.value)} onBlur={() => text !== value && set(text)} w={260} />
    </form>
  );
}

function Replay({ filter }: { filter: { state: string; step?: string; profile?: string; error?: string } }) {
  const may = useMay('operator');
  const queries = useQueryClient();
  const body = filter as { state: 'failed'; step?: 'fetch'; profile?: string; error?: string };
  const see = useMutation({ mutationFn: () => ask(client.POST('/v1/runs/replay', { body: { ...body, dry_run: true } })) });
  const act = useMutation({
    mutationFn: () => ask(client.POST('/v1/runs/replay', { body })),
    onSuccess: (r) => {
      see.reset();
      notifications.show({ message: `${count(r.moved)} of ${count(r.runs)} runs are queued again.` });
      void queries.invalidateQueries({ queryKey: ['runs'] });
    },
  });
  if (!may || !['failed', 'dropped'].includes(filter.state)) return null;
  return (
    <>
      <Button onClick={() => see.mutate()} loading={see.isPending}>Queue them again</Button>
      <Modal opened={see.data !== undefined || see.error !== null} onClose={() => see.reset()} title="Queue them again">
        {see.error && <Trouble error={see.error} />}
        {see.data && (
          <>
            <Text size="sm" mb="md">
              {count(see.data.runs)} {filter.state} runs fit these filters. Each goes on from the step where it ended.
            </Text>
            {act.error && <Trouble error={act.error} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={() => see.reset()}>Leave them</Button>
              <Button disabled={see.data.runs === 0} loading={act.isPending} onClick={() => act.mutate()}>Queue {count(see.data.runs)} again</Button>
            </Group>
          </>
        )}
      </Modal>
    </>
  );
}
