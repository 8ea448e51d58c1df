import { Alert, Button, Center, Group, Loader, Stack, Text, Title } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Problem } from '../api/client';

/** What is wrong, in a sentence, with the request's id for whoever reads the log. */
export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const p = error instanceof Problem ? error : new Problem(-1, error instanceof Error ? error.message : String(error));
  return (
    <Alert color={p.offline ? 'orange' : 'red'} title={sentence(p.message)} role="alert" variant="light">
      {p.errors.map((e) => (
        <Text size="sm" key={e.location + e.message}>
          {e.location ? `${e.location}: ` : ''}
          {e.message}
        </Text>
      ))}
      <Group mt={6} gap="md">
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        )}
        {p.requestID && (
          <Text size="xs" c="dimmed">
            Request {p.requestID}
          </Text>
        )}
      </Group>
    </Alert>
  );
}

function sentence(text: string) {
  const t = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(t) ? t : t + '.';
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Stack align="center" gap={4} py="xl">
      <Text fw={600}>{title}</Text>
      <Text size="sm" c="dimmed" ta="center" maw={520} component="div">
        {children}
      </Text>
    </Stack>
  );
}

export function Waiting({ what = 'Loading' }: { what?: string }) {
  return (
    <Center py="xl" role="status">
      <Group gap="sm">
        <Loader size="sm" />
        <Text size="sm" c="dimmed">
          {what} …
        </Text>
      </Group>
    </Center>
  );
}

/** Shows a query's answer, or that it is on its way, or why there is none. */
export function Asked<T>({ query, children }: { query: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  if (query.data !== undefined)
    return (
      <>
        {query.error && <Trouble error={query.error} retry={() => void query.refetch()} />}
        {children(query.data)}
      </>
    );
  if (query.error) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  return <Waiting />;
}

export function Page({ title, actions, children, intro }: { title: ReactNode; actions?: ReactNode; intro?: ReactNode; children: ReactNode }) {
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={1}>{title}</Title>
          {intro && (
            <Text c="dimmed" size="sm" maw={760} component="div">
              {intro}
            </Text>
          )}
        </div>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

export function Card({ title, actions, children }: { title?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="card">
      {(title || actions) && (
        <Group justify="space-between" mb="sm">
          {title && <Title order={2}>{title}</Title>}
          {actions}
        </Group>
      )}
      {children}
    </section>
  );
}
