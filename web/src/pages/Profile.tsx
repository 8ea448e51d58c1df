import { Alert, Button, Group, NumberInput, SimpleGrid, Stack, Table, Text, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { useMay } from '../api/me';
import { count, percent, span } from '../ui/format';
import { Asked, Card, Page, Trouble, Waiting } from '../ui/States';

/** A use case: what it says, and what an edit of it would do with the posts that are there. */
export default function Profile() {
  const { name } = useParams({ strict: false }) as { name: string };
  const profile = useQuery({ queryKey: ['profile', name], queryFn: () => ask(client.GET('/v1/profiles/{name}', { params: { path: { name } } })), staleTime: Infinity });
  return (
    <Page title={name} intro="Edit here to see what a change would do. To put it into use, save it in the folder of profiles: they are configuration, under version control like the rest.">
      <Asked query={profile}>{(p) => <Bench name={name} stored={p.body ?? ''} />}</Asked>
    </Page>
  );
}

function Bench({ name, stored }: { name: string; stored: string }) {
  const may = useMay('analyst');
  const [body, setBody] = useState(stored);
  const [limit, setLimit] = useState<number | string>(1000);
  const edited = body !== stored;
  const n = typeof limit === 'number' ? limit : 1000;
  const simulate = useMutation({ mutationFn: () => ask(client.POST('/v1/profiles/simulate', { body: { profile: { body }, limit: n } })) });
  const diff = useMutation({ mutationFn: () => ask(client.POST('/v1/profiles/diff', { body: { before: { name }, after: { body }, limit: n } })) });
  const area = useRef<HTMLTextAreaElement>(null);
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Stack>
        <Textarea ref={area} className="code-area" label="Profile (YAML)" value={body} readOnly={!may} onChange={(e) => setBody(e.currentTarget.value)} minRows={20} autosize maxRows={44} spellCheck={false} />
        {may && <Check body={body} area={area} />}
        {may && (
          <Group align="flex-end">
            <NumberInput label="Posts to try it on" value={limit} onChange={setLimit} min={1} max={10000} w={150} />
            <Button onClick={() => simulate.mutate()} loading={simulate.isPending}>Simulate</Button>
            <Button variant="default" onClick={() => diff.mutate()} loading={diff.isPending} disabled={!edited}>Compare with what is in use</Button>
            <Button variant="subtle" onClick={() => { setBody(stored); simulate.reset(); diff.reset(); }} disabled={!edited}>Back to what is in use</Button>
          </Group>
        )}
      </Stack>
      <Stack>
        {(simulate.error ?? diff.error) && <Trouble error={simulate.error ?? diff.error} />}
        {simulate.isPending && <Waiting what="Simulating" />}
        {simulate.data && <Simulated report={simulate.data} />}
        {diff.isPending && <Waiting what="Comparing" />}
        {diff.data && <Compared report={diff.data} />}
        {may && !simulate.data && !diff.data && !simulate.isPending && (
          <Alert variant="light" color="gray" title="Nothing is changed by trying">
            Simulate runs stored posts through the text on the left: which share would go to heavy models, which to people, and at what cost. Compare tells which posts would go another way than today.
          </Alert>
        )}
      </Stack>
    </SimpleGrid>
  );
}

function Check({ body, area }: { body: string; area: React.RefObject<HTMLTextAreaElement | null> }) {
  const [settled] = useDebouncedValue(body, 400);
  const check = useQuery({ queryKey: ['check', settled], queryFn: () => ask(client.POST('/v1/profiles/check', { body: { body: settled } })), placeholderData: keepPreviousData });
  if (check.error) return <Trouble error={check.error} />;
  if (!check.data) return null;
  if (check.data.ok) return <Text size="sm" role="status" c="dimmed">No mistakes. Version {check.data.version}.</Text>;
  const goTo = (line: number) => {
    const lines = body.split('\n');
    const from = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    area.current?.focus();
    area.current?.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  };
  return (
    <Alert color="red" variant="light" title={`${check.data.errors.length} ${check.data.errors.length === 1 ? 'mistake' : 'mistakes'}`} role="alert">
      {check.data.errors.map((e, i) => (
        <div key={i}>
          <Button size="compact-sm" variant="default" mr={8} mb={4} onClick={() => goTo(e.line)}>line {e.line}</Button>
          <Text span size="sm" className="wrap">{e.message}</Text>
        </div>
      ))}
    </Alert>
  );
}

function Simulated({ report }: { report: Schemas['Report'] }) {
  const heavy = report.steps?.find((s) => s.step === 'analyze-heavy');
  const label = report.steps?.find((s) => s.step === 'label');
  return (
    <Card title="What it would do">
      <div data-testid="simulated">
        <Text>
          Of {count(report.posts)} posts <b>{percent(heavy?.share ?? 0, 1)}</b> would go to heavy models and <b>{percent(label?.share ?? 0, 1)}</b> to people, for <b>{span(report.cost_seconds)}</b> of CPU
          {report.posts > 0 && ` (${span((1000 * report.cost_seconds) / report.posts)} for 1000 posts)`}.
        </Text>
        {report.unmatched > 0 && <Text size="sm" c="dimmed">{count(report.unmatched)} others don’t match.</Text>}
      </div>
      <Table mt="sm">
        <Table.Thead><Table.Tr><Table.Th>Step</Table.Th><Table.Th className="num">Posts</Table.Th><Table.Th className="num">Share</Table.Th><Table.Th className="num">CPU</Table.Th></Table.Tr></Table.Thead>
        <Table.Tbody>
          {(report.steps ?? []).map((s) => (
            <Table.Tr key={s.step}>
              <Table.Td>
                {s.step}
                {(s.reasons ?? []).slice(0, 3).map((r) => (
                  <Text size="xs" c="dimmed" key={r.reason}>
                    {r.entered ? 'in' : 'past'}: {r.reason} · {count(r.posts)}{r.examples?.[0] && <> · <Link to="/post/$id" params={{ id: r.examples[0] }}>{r.examples[0]}</Link></>}
                  </Text>
                ))}
              </Table.Td>
              <Table.Td className="num">{count(s.posts)}</Table.Td>
              <Table.Td className="num">{percent(s.share, 1)}</Table.Td>
              <Table.Td className="num">{span(s.cost_seconds)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

function Compared({ report }: { report: Schemas['DiffReport'] }) {
  return (
    <Card title="What would change">
      <Text data-testid="compared">
        Of {count(report.posts)} posts {count(report.changed)} would go another way, at {report.cost_seconds_delta < 0 ? '−' : '+'}{span(Math.abs(report.cost_seconds_delta))} of CPU.
      </Text>
      {report.routes && report.routes.length > 0 && (
        <Table mt="sm">
          <Table.Thead><Table.Tr><Table.Th>Today</Table.Th><Table.Th>Then</Table.Th><Table.Th className="num">Posts</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {report.routes.map((r) => (
              <Table.Tr key={r.old + r.new}><Table.Td>{r.old}</Table.Td><Table.Td>{r.new}</Table.Td><Table.Td className="num">{count(r.posts)}</Table.Td></Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {(report.changes ?? []).slice(0, 8).map((c) => (
        <Text size="sm" key={c.post}><Link to="/post/$id" params={{ id: c.post }} className="mono">{c.post}</Link>: {c.reason}</Text>
      ))}
    </Card>
  );
}
