import { Badge, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ask, client } from '../api/client';
import { Asked, Card, Empty, Page } from '../ui/States';

export default function Profiles() {
  const list = useQuery({ queryKey: ['profiles'], queryFn: () => ask(client.GET('/v1/profiles')) });
  return (
    <Page title="Profiles" intro="A use case says which posts it takes, which models look at them, and when people do.">
      <Asked query={list}>
        {(p) =>
          p.items.length === 0 ? (
            <Empty title="No use case yet" />
          ) : (
            <Card>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>Name</Table.Th><Table.Th>Versions, the newest first</Table.Th></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {p.items.map((x) => (
                    <Table.Tr key={x.name}>
                      <Table.Td><Link to="/profiles/$name" params={{ name: x.name } as never}>{x.name}</Link> {x.current && <Badge color="teal">in use</Badge>}</Table.Td>
                      <Table.Td className="mono">{x.versions.join(' ')}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Card>
          )
        }
      </Asked>
    </Page>
  );
}
