import { Button, Group, Modal, Progress, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { useMay } from '../api/me';
import { Ago, State } from '../ui/Bits';
import { count, date, span } from '../ui/format';
import { Asked, Card, Empty, Page, Trouble } from '../ui/States';

/** Reanalyses of many posts: begun after a look at what they would take, and held or ended at any time. */
export default function Campaigns() {
  const list = useQuery({ queryKey: ['campaigns'], queryFn: () => ask(client.GET('/v1/campaigns')), refetchInterval: 5_000 });
  const may = useMay('operator');
  const [opened, dialog] = useDisclosure();
  return (
    <Page title="Campaigns" intro="A campaign analyses old posts again. What readers see changes post by post, as each is done." actions={may && <Button onClick={dialog.open}>New campaign</Button>}>
      <Asked query={list}>
        {(c) =>
          c.items.length === 0 ? (
            <Empty title="No campaign yet">A new model, or an edited use case, is a reason for one.</Empty>
          ) : (
            <Card>
              <Table.ScrollContainer minWidth={720}>
                <Table>
                  <Table.Thead>
                    <Table.Tr><Table.Th>Campaign</Table.Th><Table.Th>Use case</Table.Th><Table.Th>Which posts</Table.Th><Table.Th>State</Table.Th><Table.Th className="num">Taken</Table.Th><Table.Th>Done</Table.Th><Table.Th>Begun</Table.Th></Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {c.items.map((x) => (
                      <Table.Tr key={x.id}>
                        <Table.Td><Link to="/campaigns/$id" params={{ id: x.id ?? '' } as never} className="mono">{x.id}</Link></Table.Td>
                        <Table.Td>{x.profile}</Table.Td>
                        <Table.Td><Which of={x} /></Table.Td>
                        <Table.Td><State of={x.state ?? ''} /></Table.Td>
                        <Table.Td className="num">{count(x.taken.posts)}</Table.Td>
                        <Table.Td w={160}><Share of={x} /></Table.Td>
                        <Table.Td><Ago at={x.started_at} /></Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            </Card>
          )
        }
      </Asked>
      {opened && <Create close={dialog.close} />}
    </Page>
  );
}

export function Which({ of }: { of: Schemas['Campaign'] }) {
  const parts = [of.where && `where ${of.where}`, of.since && `since ${date(of.since)}`, of.until && `before ${date(of.until)}`].filter(Boolean);
  return <Text size="sm" span>{parts.length === 0 ? 'all' : parts.join(', ')}</Text>;
}

export function Share({ of }: { of: Schemas['Campaign'] }) {
  const runs = (of.runs ?? {}) as Record<string, number>;
  const ended = (runs.done ?? 0) + (runs.dropped ?? 0) + (runs.failed ?? 0) + (runs.superseded ?? 0);
  const all = Math.max(of.taken.posts, Object.values(runs).reduce((a, b) => a + b, 0));
  if (all === 0) return <Text size="sm" c="dimmed">–</Text>;
  return (
    <Group gap={6} wrap="nowrap">
      <Progress value={(100 * ended) / all} flex={1} aria-label={`${ended} of ${all} ended`} />
      <Text size="xs" className="num">{count(ended)}</Text>
    </Group>
  );
}

const instant = (day: string) => (day ? day + 'T00:00:00Z' : undefined);

function Create({ close }: { close: () => void }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const profiles = useQuery({ queryKey: ['profiles'], queryFn: () => ask(client.GET('/v1/profiles')) });
  const names = [...new Set((profiles.data?.items ?? []).map((p) => p.name))];
  const [form, setForm] = useState({ profile: '', since: '', until: '', where: '' });
  const body = { profile: form.profile, since: instant(form.since), until: instant(form.until), where: form.where || undefined };
  const see = useMutation({ mutationFn: () => ask(client.POST('/v1/campaigns', { body: { ...body, dry_run: true } })) });
  const [key] = useState(() => crypto.randomUUID());
  const begin = useMutation({
    mutationFn: () => ask(client.POST('/v1/campaigns', { body, params: { header: { 'Idempotency-Key': key } } })),
    onSuccess: (c) => {
      notifications.show({ message: `Campaign ${c.id} has begun.` });
      void queries.invalidateQueries({ queryKey: ['campaigns'] });
      void navigate({ to: '/campaigns/$id', params: { id: c.id ?? '' } } as never);
    },
  });
  const edit = (change: Partial<typeof form>) => {
    see.reset();
    setForm({ ...form, ...change });
  };
  const plan = see.data?.taken;
  return (
    <Modal opened onClose={close} title="New campaign" size="md">
      <form onSubmit={(e) => { e.preventDefault(); see.mutate(); }}>
        <Stack>
          <Select label="Use case" data={names} value={form.profile || null} onChange={(v) => edit({ profile: v ?? '' })} required />
          <Group grow>
            <TextInput type="date" label="Written since" value={form.since} onChange={(e) => edit({ since: e.currentTarget.value })} />
            <TextInput type="date" label="Written before" value={form.until} onChange={(e) => edit({ until: e.currentTarget.value })} />
          </Group>
          <TextInput label="Only where" description="An expression over what is known of the post, as in profiles." placeholder={'confidence("color") < 0.8'} value={form.where} onChange={(e) => edit({ where: e.currentTarget.value })} classNames={{ input: 'mono' }} />
          {(see.error ?? begin.error) && <Trouble error={see.error ?? begin.error} />}
          {plan && (
            <Card title="What it would take">
              <Text size="sm" data-testid="plan">
                {count(plan.posts)} posts, about {span(plan.cost)} of CPU.
                {plan.purged > 0 && ` ${count(plan.purged)} of them come back from the history.`}
                {plan.no_images > 0 && ` ${count(plan.no_images)} have no pictures left.`}
                {plan.lost > 0 && ` ${count(plan.lost)} are lost.`}
              </Text>
            </Card>
          )}
          <Group justify="flex-end">
            <Button type="submit" variant={plan ? 'default' : 'filled'} loading={see.isPending} disabled={!form.profile}>See what it would take</Button>
            {plan && <Button disabled={plan.posts === 0} loading={begin.isPending} onClick={() => begin.mutate()}>Begin</Button>}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
