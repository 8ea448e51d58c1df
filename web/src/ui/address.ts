import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import type { Search } from '../router';

export const many = (v: string | string[] | undefined): string[] => (v === undefined || v === '' ? [] : Array.isArray(v) ? v : [v]);
export const one = (v: string | string[] | undefined): string => many(v)[0] ?? '';

/** What the address says, and how to change it: a page's filters live there, so that they can be shared and gone back to. */
export function useAddress(): [Search, (change: Search) => void] {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const change = useCallback(
    (next: Search) => void navigate({ to: '.', search: (old: Search) => ({ ...old, ...next }), replace: false, resetScroll: false } as never),
    [navigate],
  );
  return [search, change];
}
