import { Button, Center, Modal, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { ask, client, Problem } from '../api/client';
import { logIn, useEnded, useLogin } from '../api/me';
import { Trouble, Waiting } from '../ui/States';

/** Lets those in who are logged in. When a session ends, the page below stays as it is. */
export function Gate({ children }: { children: ReactNode }) {
  const login = useLogin();
  const ended = useEnded();
  const key = useKeyInAddress();
  if (key !== '') return <LogInWith value={key} />;
  if (login.data)
    return (
      <>
        {children}
        <Modal opened={ended} onClose={() => {}} withCloseButton={false} closeOnEscape={false} title="Your session has ended" centered>
          <Text size="sm" mb="sm">
            What is on this page stays. Log in again to go on.
          </Text>
          <LoginForm />
        </Modal>
      </>
    );
  if (login.error instanceof Problem && login.error.status === 401) return <LoginPage />;
  if (login.error)
    return (
      <Center mih="100vh">
        <Trouble error={login.error} retry={() => void login.refetch()} />
      </Center>
    );
  return <Waiting />;
}

// A login link carries its key behind the #, which browsers never send, and it is
// taken out of the address at once.
function useKeyInAddress() {
  const [key] = useState(() => {
    const found = /^#key=([A-Za-z0-9_]+)$/.exec(window.location.hash);
    if (!found) return '';
    window.history.replaceState(null, '', window.location.pathname + window.location.search);
    return found[1] ?? '';
  });
  return key;
}

function LogInWith({ value }: { value: string }) {
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    logIn(value).then(() => window.location.reload(), setError);
  }, [value]);
  return <Center mih="100vh">{error ? <Trouble error={error} retry={() => window.location.reload()} /> : <Waiting what="Logging in" />}</Center>;
}

function LoginPage() {
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w={420} maw="100%">
        <Title order={1} mb={4}>
          Weft
        </Title>
        <Text c="dimmed" size="sm" mb="md">
          Posts, and what was found in them.
        </Text>
        <LoginForm />
      </Paper>
    </Center>
  );
}

function LoginForm() {
  const queries = useQueryClient();
  const [key, setKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const me = await logIn(key.trim());
      queries.setQueryData(['me'], me);
      await queries.invalidateQueries();
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  const ways = useQuery({ queryKey: ['ways'], queryFn: () => ask(client.GET('/v1/sessions')), staleTime: Infinity });
  const here = window.location.pathname + window.location.search;
  return (
    <form onSubmit={(e) => void submit(e)}>
      <Stack>
        {ways.data?.ways.includes('oidc') && (
          <Button component="a" href={'/v1/sessions/oidc?next=' + encodeURIComponent(here)} fullWidth>
            Log in with your organisation
          </Button>
        )}
        <PasswordInput label="Key" description="An admin of this installation hands them out." placeholder="weft_…" value={key} onChange={(e) => setKey(e.currentTarget.value)} required autoComplete="current-password" data-autofocus autoFocus />
        {error !== undefined && <Trouble error={error} />}
        <Button type="submit" loading={busy} fullWidth>
          Log in
        </Button>
      </Stack>
    </form>
  );
}
