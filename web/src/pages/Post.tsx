import { Anchor, Badge, Button, Group, Modal, SimpleGrid, Stack, Switch, Table, Text, Timeline, UnstyledButton } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { ask, client, Problem, type Schemas } from '../api/client';
import { useMay } from '../api/me';
import { Ago, State } from '../ui/Bits';
import { Drawn, type Spot } from '../ui/Boxes';
import { count, moment, percent, span } from '../ui/format';
import { PostImage } from '../ui/PostImage';
import { Asked, Card, Empty, Page, Trouble } from '../ui/States';

const at = (id: string) => ({ params: { path: { id } } });

/** A post's journey: where it went and why, what was found, who said what. */
export default function Post() {
  const { id } = useParams({ strict: false }) as { id: string };
  const post = useQuery({ queryKey: ['post', id], queryFn: () => ask(client.GET('/v1/posts/{id}', at(id))) });
  const timeline = useQuery({ queryKey: ['timeline', id], queryFn: () => ask(client.GET('/v1/posts/{id}/timeline', at(id))), refetchInterval: 10_000 });
  // Not every post of which there is a journey is published: then only that is told.
  const unpublished = post.error instanceof Problem && post.error.status === 404;
  return (
    <Page title={<span className="wrap">{id}</span>} intro={post.data && <Facts post={post.data} />}>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
        <Stack>
          {unpublished ? (
            <Card>
              <Empty title="Not published">No use case shows this post, or not yet. Its journey says why.</Empty>
            </Card>
          ) : (
            <Asked query={post}>{(p) => <Caption post={p} />}</Asked>
          )}
          <Pictures id={id} />
          <Found id={id} />
        </Stack>
        <Stack>
          <Asked query={timeline}>
            {(t) => (
              <>
                {t.purged_at && <Text size="sm">Moved to the history on {moment(t.purged_at)}.</Text>}
                {t.runs.length === 0 && <Empty title="No use case has taken this post" />}
                {t.runs.map((r) => (
                  <Journey key={r.profile + r.generation} id={id} run={r} />
                ))}
              </>
            )}
          </Asked>
        </Stack>
      </SimpleGrid>
    </Page>
  );
}

function Facts({ post }: { post: Schemas['Post'] }) {
  const place = [post.author.location?.city, post.author.location?.country].filter(Boolean).join(', ');
  return (
    <Group gap="xs" component="span">
      <span>{post.source}</span>·<span>{moment(post.created_at)}</span>
      {place && <>· <span>{place}</span></>}
      {post.counts.likes !== undefined && <>· <span>{count(post.counts.likes)} likes</span></>}
      {post.url && (
        <>· <Anchor href={post.url} target="_blank" rel="noreferrer" size="sm">where it was written</Anchor></>
      )}
    </Group>
  );
}

function Caption({ post }: { post: Schemas['Post'] }) {
  const [author, setAuthor] = useState(false);
  return (
    <Card title="Post">
      <Text className="wrap" lang={post.language}>
        {post.text || <Text span c="dimmed">no text</Text>}
      </Text>
      <Group mt="sm" gap={6}>
        {post.language && <Badge color="gray">{post.language}</Badge>}
        {post.profiles.map((p) => (
          <Badge key={p}>{p}</Badge>
        ))}
        {post.flags?.map((f) => (
          <Badge key={f} color="orange">{f}</Badge>
        ))}
        {post.unchecked && post.unchecked.length > 0 && <Badge color="yellow">unchecked: {post.unchecked.join(', ')}</Badge>}
      </Group>
      <Switch mt="sm" size="xs" label="Show who wrote it" checked={author} onChange={(e) => setAuthor(e.currentTarget.checked)} />
      {author && (
        <Text size="sm" mt={4}>
          {post.author.name} {post.author.handle && `(${post.author.handle})`}
          {post.author.followers !== undefined && ` · ${count(post.author.followers)} followers`}
        </Text>
      )}
    </Card>
  );
}

function Pictures({ id }: { id: string }) {
  const images = useQuery({ queryKey: ['images', id], queryFn: () => ask(client.GET('/v1/posts/{id}/images', at(id))) });
  const found = useQuery(foundIn(id));
  const [open, setOpen] = useState<number>();
  const spots = (found.data?.labels ?? []).flatMap((l) => l.boxes ?? []);
  const on = (sha?: string) => spots.filter((s) => sha && s.image === sha);
  if (images.error instanceof Problem && images.error.status === 404) return null;
  return (
    <Card title="Pictures">
      <Asked query={images}>
        {(list) =>
          list.items.length === 0 ? (
            <Text c="dimmed" size="sm">It has none.</Text>
          ) : (
            <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="sm">
              {list.items.map((m) => (
                <div key={m.n}>
                  {m.path ? (
                    <UnstyledButton className="tile tile-picture" onClick={() => setOpen(m.n)} aria-label={`Picture ${m.n + 1}, larger`}>
                      <PostImage post={id} n={m.n} alt={m.alt ?? ''} />
                    </UnstyledButton>
                  ) : (
                    <div className="tile tile-picture">{m.state}</div>
                  )}
                  <Text size="xs" c="dimmed">{m.reason ?? (m.width ? `${m.width} × ${m.height}` : '')}{on(m.sha256).length > 0 && ` · ${boxCount(on(m.sha256).length)}`}</Text>
                </div>
              ))}
            </SimpleGrid>
          )
        }
      </Asked>
      <Modal opened={open !== undefined} onClose={() => setOpen(undefined)} size="lg" title={`Picture ${(open ?? 0) + 1}`}>
        {open !== undefined && <Larger id={id} n={open} spots={on(images.data?.items.find((m) => m.n === open)?.sha256)} />}
      </Modal>
    </Card>
  );
}

const boxCount = (n: number) => `${n} ${n === 1 ? 'box' : 'boxes'}`;
const foundIn = (id: string) => ({ queryKey: ['attributes', id], queryFn: () => ask(client.GET('/v1/posts/{id}/attributes', at(id))) });

/** A picture with what people drew on it. */
function Larger({ id, n, spots }: { id: string; n: number; spots: Spot[] }) {
  const stage = useRef<HTMLDivElement>(null);
  return (
    <div ref={stage} className="stage" data-boxes={spots.length}>
      <PostImage post={id} n={n} alt={spots.length > 0 ? `With ${boxCount(spots.length)}: ${spots.map((s) => s.value).join(', ')}` : ''} />
      <Drawn stage={stage} spots={spots} />
    </div>
  );
}

function Found({ id }: { id: string }) {
  const found = useQuery(foundIn(id));
  if (found.error instanceof Problem && found.error.status === 404) return null;
  return (
    <Card title="What was found">
      <Asked query={found}>
        {(f) => (
          <Stack>
            {f.effective.length === 0 && <Text c="dimmed" size="sm">Nothing.</Text>}
            {f.effective.length > 0 && <Attributes of={f.effective} />}
            {f.labels.length > 0 && <Labels of={f.labels} />}
            {f.published.map((p) => (
              <details key={p.profile}>
                <summary>What the models said for {p.profile}, generation {p.generation}</summary>
                <Attributes of={p.attributes} />
                {p.before.map((b) => (
                  <Text size="sm" key={b.generation}>
                    Generation {b.generation}, <Ago at={b.at} />: {Object.entries(b.values).map(([n, v]) => `${n} ${(v ?? []).join(', ') || 'none'}`).join('; ')}
                  </Text>
                ))}
              </details>
            ))}
          </Stack>
        )}
      </Asked>
    </Card>
  );
}

function Attributes({ of }: { of: Schemas['Attribute'][] }) {
  return (
    <Table aria-label="Attributes">
      <Table.Thead>
        <Table.Tr><Table.Th>Attribute</Table.Th><Table.Th>Value</Table.Th><Table.Th className="num">Sure</Table.Th><Table.Th>From</Table.Th></Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {of.map((a, i) => (
          <Table.Tr key={`${a.name} ${a.value} ${i}`}>
            <Table.Td>{a.name}</Table.Td>
            <Table.Td fw={600}>{a.value}</Table.Td>
            <Table.Td className="num">{percent(a.confidence)}</Table.Td>
            <Table.Td>{a.evidence === 'label' ? <Badge color="teal">people</Badge> : <Text size="sm" span>{a.evidence} · {a.model}</Text>}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Labels({ of }: { of: Schemas['Answered'][] }) {
  return (
    <Table aria-label="People's answers">
      <Table.Thead>
        <Table.Tr><Table.Th>People say</Table.Th><Table.Th>Value</Table.Th><Table.Th className="num">Answers</Table.Th><Table.Th>When</Table.Th></Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {of.map((a) => (
          <Table.Tr key={a.attribute}>
            <Table.Td>{a.attribute}{a.sample && <Badge ml={6} color="gray" size="xs">sample</Badge>}</Table.Td>
            <Table.Td fw={600}>{a.values.join(', ') || <Text span c="dimmed" size="sm">none</Text>}{a.boxes && a.boxes.length > 0 && <Text span c="dimmed" size="sm"> · {boxCount(a.boxes.length)}</Text>}</Table.Td>
            <Table.Td className="num">{a.answers}</Table.Td>
            <Table.Td><Ago at={a.at} /></Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Journey({ id, run }: { id: string; run: Schemas['Passage'] }) {
  const colors: Record<string, string> = { park: 'violet', failed: 'red', fail: 'red', drop: 'gray', dropped: 'gray', wait: 'yellow', retry: 'orange' };
  return (
    <Card
      title={<Group gap="xs">{run.profile} <State of={run.state} /></Group>}
      actions={<Text size="sm" c="dimmed">generation {run.generation} · {run.lane} lane · {span(run.cost)} of CPU</Text>}
    >
      {run.campaign && <Text size="sm">Campaign <Link to="/campaigns/$id" params={{ id: run.campaign } as never}>{run.campaign}</Link></Text>}
      {run.error && <Text size="sm" c="red.9" className="wrap" mb="sm">{run.error}</Text>}
      <Timeline bulletSize={14} lineWidth={2} active={run.timeline.length}>
        {run.timeline.map((m) => (
          <Timeline.Item key={`${m.generation} ${m.seq}`} color={colors[m.outcome] ?? 'teal'} title={<Group gap={6}>{m.step}<State of={m.outcome} />{m.next && m.next !== m.step && <Text span size="sm" c="dimmed">to {m.next}</Text>}</Group>}>
            <Text size="sm" className="wrap">{m.reason}</Text>
            {m.error && <Text size="sm" className="wrap" fs="italic">{m.error}</Text>}
            <Text size="xs" c="dimmed">
              {moment(m.at)}
              {m.duration !== undefined && ` · took ${span(m.duration)}`}
              {m.cost !== undefined && m.cost > 0 && ` · cost ${span(m.cost)} of CPU`}
              {(m.attempts ?? 0) > 1 && ` · ${m.attempts} attempts`}
              {m.models && m.models.length > 0 && ` · ${m.models.join(', ')}`}
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
      {(run.state === 'failed' || run.state === 'dropped') && <Retry id={id} run={run} />}
    </Card>
  );
}

// The API replays by filter. The post's own error and step name its run closely;
// what else that takes is said before it is done.
function Retry({ id, run }: { id: string; run: Schemas['Passage'] }) {
  const may = useMay('operator');
  const queries = useQueryClient();
  const body = { state: run.state as 'failed', step: run.step as 'fetch', profile: run.profile, error: (run.error ?? run.reason ?? '').slice(0, 200) };
  const see = useMutation({ mutationFn: () => ask(client.POST('/v1/runs/replay', { body: { ...body, dry_run: true } })) });
  const act = useMutation({
    mutationFn: () => ask(client.POST('/v1/runs/replay', { body })),
    onSuccess: (r) => {
      notifications.show({ message: `${count(r.moved)} runs are queued again.` });
      see.reset();
      void queries.invalidateQueries({ queryKey: ['timeline', id] });
    },
  });
  if (!may) return null;
  return (
    <Group mt="sm">
      <Button variant="default" size="xs" onClick={() => see.mutate()} loading={see.isPending}>
        Try {run.step} again
      </Button>
      {(see.error ?? act.error) && <Trouble error={see.error ?? act.error} />}
      <Modal opened={see.data !== undefined} onClose={() => see.reset()} title="Queue again">
        <Text size="sm" mb="md">
          {see.data?.runs === 1 ? 'This run' : `${count(see.data?.runs)} runs`} of {run.profile} ended at {run.step} with this error. {see.data?.runs === 1 ? 'It is' : 'All of them are'} queued again.
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => see.reset()}>Leave it</Button>
          <Button onClick={() => act.mutate()} loading={act.isPending}>Queue again</Button>
        </Group>
      </Modal>
    </Group>
  );
}
