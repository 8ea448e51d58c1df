import { Button, Stack, Text, Title } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';

export function NotFound() {
  return (
    <Stack align="flex-start">
      <Title order={1}>There is no such page</Title>
      <Button component="a" href="/app/" variant="default">
        To the overview
      </Button>
    </Stack>
  );
}

/** A page that broke. After an update the server has other files: a new load helps. */
export function Broken({ error }: ErrorComponentProps) {
  return (
    <Stack align="flex-start" role="alert">
      <Title order={1}>This page broke</Title>
      <Text className="wrap">{error instanceof Error ? error.message : String(error)}</Text>
      <Button onClick={() => window.location.reload()}>Load it again</Button>
    </Stack>
  );
}
