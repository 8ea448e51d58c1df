import { Badge, Button, Group, MultiSelect, Modal, Stack, Table, Text, TagsInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { Ago } from '../ui/Bits';
import { suggested } from './desk';
import { Asked, Card, Empty, Trouble } from '../ui/States';

type Item = Schemas['Item'];

/** Questions whose right answer is known, and hidden from whoever is asked. */
export function Gold({ profile }: { profile: string | undefined }) {
  const list = useQuery({ queryKey: ['labels', profile], queryFn: () => ask(client.GET('/v1/labels', { params: { query: { profile, limit: 50 } } })) });
  const [editing, setEditing] = useState<Item>();
  return (
    <Card title="Open questions">
      <Text size="sm" c="dimmed" mb="sm">Give some of them their right answer. Every labeler is asked them once, without knowing; how often each was right stands under “Labelers”.</Text>
      <Asked query={list}>
        {(l) =>
          l.items.length === 0 ? (
            <Empty title="No open question" />
          ) : (
            <Table.ScrollContainer minWidth={640}>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>Post</Table.Th><Table.Th>Use case</Table.Th><Table.Th>Asked</Table.Th><Table.Th>Right answer</Table.Th><Table.Th /></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {l.items.map((it) => (
                    <Table.Tr key={it.id}>
                      <Table.Td><Link to="/post/$id" params={{ id: it.post }} className="mono">{it.post}</Link></Table.Td>
                      <Table.Td>{it.profile}</Table.Td>
                      <Table.Td><Ago at={it.opened_at} /></Table.Td>
                      <Table.Td>{it.gold ? <Group gap={4}><Badge color="yellow">gold</Badge><Text size="sm">{summary(it.gold)}</Text></Group> : '–'}</Table.Td>
                      <Table.Td><Button size="compact-sm" variant="default" onClick={() => setEditing(it)}>{it.gold ? 'Edit' : 'Make gold'}</Button></Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </Asked>
      {editing && <Edit item={editing} close={() => setEditing(undefined)} />}
    </Card>
  );
}

const summary = (g: Schemas['Gold']) =>
  Object.entries(g.values as Record<string, string[] | null>).filter(([, v]) => v && v.length > 0).map(([n, v]) => `${n} ${(v ?? []).join(', ')}`).join('; ');

function Edit({ item, close }: { item: Item; close: () => void }) {
  const queries = useQueryClient();
  const [values, setValues] = useState<Record<string, string[]>>(() => {
    const known = (item.gold?.values ?? {}) as Record<string, string[] | null>;
    return Object.fromEntries(item.questions.map((q) => [q.attribute, [...(known[q.attribute] ?? suggested(q))]]));
  });
  const path = { path: { id: item.id } };
  const done = () => { close(); void queries.invalidateQueries({ queryKey: ['labels'] }); };
  const put = useMutation({ mutationFn: () => ask(client.PUT('/v1/labels/{id}/gold', { params: path, body: { values } })), onSuccess: done });
  const remove = useMutation({ mutationFn: () => ask(client.DELETE('/v1/labels/{id}/gold', { params: path })), onSuccess: done });
  const set = (name: string) => (v: string[]) => setValues({ ...values, [name]: v });
  return (
    <Modal opened onClose={close} title={`Right answer for ${item.post}`} size="md">
      <Stack>
        {item.questions.map((q) =>
          q.options && q.options.length > 0 ? (
            <MultiSelect key={q.attribute} label={q.attribute} data={q.options} value={values[q.attribute] ?? []} onChange={set(q.attribute)} searchable clearable placeholder="none" maxValues={q.multiple ? undefined : 1} />
          ) : (
            <TagsInput key={q.attribute} label={q.attribute} value={values[q.attribute] ?? []} onChange={set(q.attribute)} placeholder="none" maxTags={q.multiple ? undefined : 1} />
          ),
        )}
        {(put.error ?? remove.error) && <Trouble error={put.error ?? remove.error} />}
        <Group justify="flex-end">
          {item.gold && <Button variant="default" loading={remove.isPending} onClick={() => remove.mutate()}>No gold any more</Button>}
          <Button loading={put.isPending} onClick={() => put.mutate()}>Keep it as gold</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
