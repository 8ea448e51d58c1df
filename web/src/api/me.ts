import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { allows, ask, client, keepToken, whenNobody, type Role, type Schemas } from './client';

export type Me = Schemas['Me'];

/** Who is logged in. Its error has status 401 when nobody is. */
export function useLogin() {
  return useQuery({
    queryKey: ['me'],
    staleTime: 60_000,
    retry: false,
    queryFn: async () => {
      const me = await ask(client.GET('/v1/me'));
      keepToken(me.csrf);
      return me;
    },
  });
}

/** Who is logged in, inside the pages that only such people see. */
export function useMe(): Me {
  const cached = useQueryClient().getQueryData<Me>(['me']);
  return cached ?? { id: '', name: '', role: 'viewer' };
}

export function useMay(role: Role) {
  return allows(useMe().role, role);
}

// Whether the session ended while a page was open: the page stays, with what was
// typed into it, and the login comes on top.
let ended = false;
const listeners = new Set<() => void>();

function setEnded(now: boolean) {
  ended = now;
  listeners.forEach((l) => l());
}

whenNobody(() => setEnded(true));

export function useEnded() {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => ended,
  );
}

export async function logIn(key: string): Promise<Me> {
  const me = await ask(client.POST('/v1/session', { body: { key } }));
  keepToken(me.csrf);
  setEnded(false);
  return me;
}

export async function logOut() {
  await ask(client.DELETE('/v1/session'));
  keepToken('');
  // A full load, so that nothing of the one who left stays in memory.
  window.location.assign('/app/');
}
