import { Alert, Button, CopyButton, Group, Modal, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask, client, roles, type Role, type Schemas } from '../api/client';
import { logOut, useMay, useMe } from '../api/me';
import { Ago } from '../ui/Bits';
import { date } from '../ui/format';
import { Asked, Card, Page, Trouble } from '../ui/States';

export default function Settings() {
  const me = useMe();
  const admin = useMay('admin');
  return (
    <Page title="Settings">
      <Card title="You" actions={<Button variant="default" onClick={() => void logOut()}>Log out</Button>}>
        <Text size="sm">{me.name}, as {me.role}. Key <span className="mono">{me.id}</span></Text>
      </Card>
      {admin && <Keys />}
      {admin && <Audit />}
    </Page>
  );
}

function Keys() {
  const queries = useQueryClient();
  const keys = useQuery({ queryKey: ['keys'], queryFn: () => ask(client.GET('/v1/keys')) });
  const [ending, setEnding] = useState<Schemas['Key']>();
  const revoke = useMutation({
    mutationFn: (id: string) => ask(client.DELETE('/v1/keys/{id}', { params: { path: { id } } })),
    onSuccess: () => { setEnding(undefined); void queries.invalidateQueries({ queryKey: ['keys'] }); },
  });
  return (
    <Card title="Keys">
      <NewKey />
      <Asked query={keys}>
        {(k) => (
          <Table.ScrollContainer minWidth={640}>
            <Table mt="md">
              <Table.Thead><Table.Tr><Table.Th>Name</Table.Th><Table.Th>Role</Table.Th><Table.Th>Key</Table.Th><Table.Th>Made</Table.Th><Table.Th>Used last</Table.Th><Table.Th>Ends</Table.Th><Table.Th /></Table.Tr></Table.Thead>
              <Table.Tbody>
                {k.items.map((x) => (
                  <Table.Tr key={x.id}>
                    <Table.Td fw={600}>{x.name}</Table.Td>
                    <Table.Td>{x.role}</Table.Td>
                    <Table.Td className="mono">{x.id}</Table.Td>
                    <Table.Td><Ago at={x.created_at} />{x.created_by && ` by ${x.created_by}`}</Table.Td>
                    <Table.Td><Ago at={x.used_at} /></Table.Td>
                    <Table.Td>{x.revoked_at ? <>revoked <Ago at={x.revoked_at} /></> : x.expires_at ? date(x.expires_at) : 'never'}</Table.Td>
                    <Table.Td>{!x.revoked_at && <Button size="compact-sm" variant="default" onClick={() => setEnding(x)}>Revoke</Button>}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Asked>
      <Modal opened={ending !== undefined} onClose={() => setEnding(undefined)} title={`Revoke the key of ${ending?.name ?? ''}?`}>
        <Text size="sm" mb="md">Whoever uses it is shut out at once, and its sessions end. It can’t be taken back.</Text>
        {revoke.error && <Trouble error={revoke.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => setEnding(undefined)}>Leave it</Button>
          <Button color="red.9" loading={revoke.isPending} onClick={() => ending && revoke.mutate(ending.id)}>Revoke</Button>
        </Group>
      </Modal>
    </Card>
  );
}

function NewKey() {
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('labeler');
  const [ends, setEnds] = useState('');
  const make = useMutation({
    mutationFn: () => ask(client.POST('/v1/keys', { body: { name, role, ...(ends ? { expires_at: ends + 'T00:00:00Z' } : {}) } })),
    onSuccess: () => { setName(''); void queries.invalidateQueries({ queryKey: ['keys'] }); },
  });
  return (
    <form onSubmit={(e) => { e.preventDefault(); make.mutate(); }}>
      <Stack gap="sm">
        <Group align="flex-end" gap="xs">
          <TextInput label="For whom" value={name} onChange={(e) => setName(e.currentTarget.value)} required maxLength={64} />
          <Select label="Role" data={roles} value={role} onChange={(v) => v && setRole(v)} allowDeselect={false} w={130} />
          <TextInput type="date" label="Ends" value={ends} onChange={(e) => setEnds(e.currentTarget.value)} />
          <Button type="submit" loading={make.isPending}>Make a key</Button>
        </Group>
        {make.error && <Trouble error={make.error} />}
        {make.data && (
          <Alert color="teal" variant="light" title={`The key of ${make.data.name}, shown this once`}>
            <Group gap="sm">
              <code className="mono" data-testid="secret">{make.data.secret}</code>
              <CopyButton value={make.data.secret}>{({ copied, copy }) => <Button size="compact-sm" variant="default" onClick={copy}>{copied ? 'Copied' : 'Copy'}</Button>}</CopyButton>
            </Group>
          </Alert>
        )}
      </Stack>
    </form>
  );
}

function Audit() {
  const lines = useQuery({ queryKey: ['audit'], queryFn: () => ask(client.GET('/v1/audit', { params: { query: { limit: 30 } } })) });
  return (
    <Card title="What was done last">
      <Asked query={lines}>
        {(a) => (
          <Table.ScrollContainer minWidth={640}>
            <Table>
              <Table.Thead><Table.Tr><Table.Th>When</Table.Th><Table.Th>Who</Table.Th><Table.Th>What</Table.Th><Table.Th>On</Table.Th><Table.Th className="num">Status</Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>
                {a.items.map((l) => (
                  <Table.Tr key={l.id}><Table.Td><Ago at={l.at} /></Table.Td><Table.Td>{l.name || l.by} ({l.role})</Table.Td><Table.Td>{l.action}</Table.Td><Table.Td className="mono wrap">{l.target}</Table.Td><Table.Td className="num">{l.status}</Table.Td></Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Asked>
    </Card>
  );
}
