import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { Shell } from './shell/Shell';
import { NotFound, Broken } from './shell/Broken';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Broken });

// What stands in an address: texts, repeated where there are several, as the API
// takes them. Each page reads of it what it knows.
export type Search = Record<string, string | string[] | undefined>;

function parseSearch(text: string): Search {
  const out: Search = {};
  const given = new URLSearchParams(text);
  for (const name of new Set(given.keys())) {
    const values = given.getAll(name);
    out[name] = values.length > 1 ? values : values[0];
  }
  return out;
}

function stringifySearch(search: Record<string, unknown>): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    for (const v of Array.isArray(value) ? value : [value]) if (v !== undefined && v !== '') out.append(name, String(v));
  }
  const text = out.toString();
  return text ? '?' + text : '';
}

const page = <P extends string>(path: P, load: Parameters<typeof lazyRouteComponent>[0]) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load), validateSearch: (s: Record<string, unknown>) => s as Search });

const routes = [
  page('/', () => import('./pages/Overview')),
  page('/explore', () => import('./pages/Explore')),
  page('/trends', () => import('./pages/Trends')),
  page('/label', () => import('./label/Label')),
  page('/quality', () => import('./label/Quality')),
  page('/post/$id', () => import('./pages/Post')),
  page('/campaigns', () => import('./pages/Campaigns')),
  page('/campaigns/$id', () => import('./pages/Campaign')),
  page('/profiles', () => import('./pages/Profiles')),
  page('/profiles/$name', () => import('./pages/Profile')),
  page('/sources', () => import('./pages/Sources')),
  page('/runs', () => import('./pages/Runs')),
  page('/settings', () => import('./pages/Settings')),
];

export const router = createRouter({
  routeTree: root.addChildren(routes),
  basepath: '/app',
  defaultPreload: 'intent',
  scrollRestoration: true,
  parseSearch,
  stringifySearch,
});
