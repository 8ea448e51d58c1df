import { useEffect, useRef } from 'react';
import { commands, type Command } from './keys';

/** What the parts of the page can do; each part gives its own hands. */
export interface Hands {
  zoom?: () => void;
  show?: () => void;
  none?: () => void;
  accept?: () => void;
  find?: () => void;
  box?: () => void;
  edit?: () => void;
  marked?: (e: KeyboardEvent) => boolean;
  move?: (by: number) => void;
  turn?: (by: number) => void;
  choice?: (key: string) => boolean;
}

type Acts = Partial<Record<Command, () => void>> & {
  move?: (by: number) => void;
  turn?: (by: number) => void;
  choice?: (key: string) => boolean;
  /** While a box is marked it has the first word. */
  marked?: (e: KeyboardEvent) => boolean;
  input?: () => void;
  paused?: boolean;
};

/** Listens to the whole page. Keys that go with Ctrl, Alt or Meta are the browser's. */
export function useKeys(acts: Acts) {
  const latest = useRef(acts);
  latest.current = acts;
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      latest.current.input?.();
      if (e.ctrlKey || e.altKey || e.metaKey || e.defaultPrevented || latest.current.paused) return;
      const at = e.target as HTMLElement;
      if (at instanceof HTMLInputElement || at instanceof HTMLTextAreaElement || at.isContentEditable || document.querySelector('[role="dialog"]')) return;
      if (latest.current.marked?.(e)) return e.preventDefault();
      // Enter on something that was reached by Tab does what that says.
      if (e.key === 'Enter' && at.closest('a, button:not(.choice), [role="button"]')) return;
      if (act(latest.current, e)) e.preventDefault();
    };
    const input = () => latest.current.input?.();
    window.addEventListener('keydown', press);
    window.addEventListener('pointerdown', input);
    return () => {
      window.removeEventListener('keydown', press);
      window.removeEventListener('pointerdown', input);
    };
  }, []);
}

function act(acts: Acts, e: KeyboardEvent): boolean {
  const arrows: Record<string, () => void> = {
    ArrowDown: () => acts.move?.(1), ArrowUp: () => acts.move?.(-1), ArrowLeft: () => acts.turn?.(-1), ArrowRight: () => acts.turn?.(1),
    Tab: () => acts.move?.(e.shiftKey ? -1 : 1),
  };
  // Tab moves between questions only while nothing else has the focus, so that
  // it still leads through the page for whoever needs it.
  if (e.key === 'Tab' && document.activeElement !== document.body) return false;
  if (arrows[e.key]) return (arrows[e.key]!(), true);
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  for (const [name, c] of Object.entries(commands)) {
    if (c.key.toLowerCase() !== key.toLowerCase()) continue;
    if (e.repeat && name !== 'undo') return true; // a key that is held down hands in once
    acts[name as Command]?.();
    return true;
  }
  return acts.choice?.(key) ?? false;
}
