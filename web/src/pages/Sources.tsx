import { Badge, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ask, client } from '../api/client';
import { Ago } from '../ui/Bits';
import { count, moment, percent, span } from '../ui/format';
import { Asked, Card, Empty, Page } from '../ui/States';

export default function Sources() {
  const list = useQuery({ queryKey: ['sources'], queryFn: () => ask(client.GET('/v1/sources')), refetchInterval: 10_000 });
  return (
    <Page title="Sources" intro="What is collected from networks, query by query.">
      <Asked query={list}>
        {(s) =>
          s.items.length === 0 ? (
            <Empty title="No query">Queries are named in the configuration, under “queries”. Imported posts need none.</Empty>
          ) : (
            <Card>
              <Table.ScrollContainer minWidth={860}>
                <Table>
                  <Table.Thead>
                    <Table.Tr><Table.Th>Query</Table.Th><Table.Th>Network</Table.Th><Table.Th>Fares</Table.Th><Table.Th className="num">Posts</Table.Th><Table.Th className="num">An hour</Table.Th><Table.Th className="num">Deleted there</Table.Th><Table.Th className="num">Behind</Table.Th><Table.Th>Last success</Table.Th><Table.Th>Next</Table.Th></Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {s.items.map((q) => (
                      <Table.Tr key={q.source + q.name}>
                        <Table.Td fw={600}>{q.name}</Table.Td>
                        <Table.Td>{q.source}</Table.Td>
                        <Table.Td maw={320} className="wrap">
                          {q.removed && <Badge color="gray">not in the configuration</Badge>}
                          {q.errors > 0 ? <Badge color="red">{q.errors} failures in a row</Badge> : q.paused ? <Badge color="yellow">waits: {q.paused}</Badge> : !q.removed && <Badge color="teal">well</Badge>}
                          {q.error && <Text size="xs">{q.error}</Text>}
                          {q.limit_left !== undefined && <Text size="xs" c="dimmed">{percent(q.limit_left)} of the network’s limit left</Text>}
                          {q.gaps?.map((g) => <Text size="xs" key={g.from}>gap {moment(g.from)} to {moment(g.to)}: {g.reason}</Text>)}
                          {q.skipped && Object.entries(q.skipped as Record<string, number>).map(([why, n]) => <Text size="xs" c="dimmed" key={why}>{count(n)} not taken: {why}</Text>)}
                        </Table.Td>
                        <Table.Td className="num">{count(q.posts)}</Table.Td>
                        <Table.Td className="num">{count(Math.round(q.posts_per_hour))}</Table.Td>
                        <Table.Td className="num">{count(q.deletions)}</Table.Td>
                        <Table.Td className="num">{span(q.lag_seconds)}</Table.Td>
                        <Table.Td><Ago at={q.last_success} /></Table.Td>
                        <Table.Td><Ago at={q.next_run} /></Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            </Card>
          )
        }
      </Asked>
    </Page>
  );
}
