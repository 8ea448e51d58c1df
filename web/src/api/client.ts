// The one door to the API. Types are generated from openapi.json (`npm run types`).
import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
export type Role = Schemas['Me']['role'];

/** What the API says is wrong (RFC 9457), or that it can't be reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly errors: { location: string; message: string }[] = [],
    readonly requestID = '',
  ) {
    super(detail);
  }

  /** True when nothing answered: the network, or the server, is away. */
  get offline() {
    return this.status === 0;
  }
}

// A session's writes carry this; the login and /v1/me tell it.
let csrf = '';
let onNobody = () => {};

/** Says what to do when the session has ended. */
export function whenNobody(act: () => void) {
  onNobody = act;
}

/** Notes the token that writes must carry. */
export function keepToken(token: string | undefined) {
  csrf = token ?? '';
}

const session: Middleware = {
  onRequest({ request }) {
    if (csrf && request.method !== 'GET') request.headers.set('X-CSRF-Token', csrf);
    return request;
  },
  onResponse({ response, request }) {
    if (response.status === 401 && !new URL(request.url).pathname.endsWith('/v1/session')) onNobody();
  },
};

// Repeated parameters, as the API takes them: ?color=red&color=navy.
export const client = createClient<paths>({ querySerializer: { array: { style: 'form', explode: true } } });
client.use(session);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns what was asked for, or throws a Problem. */
export async function ask<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch {
    throw new Problem(0, 'The server can’t be reached.');
  }
  if (answer.response.ok) return answer.data as T;
  throw problemOf(answer.response, answer.error);
}

function problemOf(response: Response, body: unknown): Problem {
  const said = (typeof body === 'object' && body !== null ? body : {}) as Partial<Schemas['ErrorModel']>;
  const errors = (said.errors ?? []).map((e) => ({ location: e.location ?? '', message: e.message ?? '' }));
  const detail = said.detail ?? said.title ?? `The server answered with status ${response.status}.`;
  return new Problem(response.status, detail, errors, said.request_id ?? response.headers.get('X-Request-ID') ?? '');
}

const ranks: Role[] = ['viewer', 'labeler', 'analyst', 'operator', 'admin'];

/** Whether a role may what another may. */
export function allows(role: Role, wanted: Role) {
  return ranks.indexOf(role) >= ranks.indexOf(wanted);
}
export const roles = ranks;
