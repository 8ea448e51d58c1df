// Which key does what. Pure, so that a conflict shows when a question arrives and
// not when somebody presses the key.

export type Command = 'submit' | 'undo' | 'skip' | 'zoom' | 'show' | 'none' | 'find' | 'accept' | 'box' | 'edit' | 'help';

export const commands: Record<Command, { key: string; label: string }> = {
  submit: { key: 'Enter', label: 'Hand in, with all suggestions that you left as they are' },
  undo: { key: 'u', label: 'Back to the answer before; any number of times' },
  skip: { key: 's', label: 'Skip, with a reason' },
  none: { key: 'n', label: 'There is none: clear the question' },
  accept: { key: 'y', label: 'Back to the suggestion' },
  find: { key: '/', label: 'Find a choice by typing; write the answer, where words are asked for' },
  box: { key: 'b', label: 'Draw a box where a value is (or draw it with the mouse)' },
  edit: { key: 'e', label: 'Mark the next box, to change it' },
  zoom: { key: 'z', label: 'Larger picture' },
  show: { key: 'x', label: 'Show a blurred picture, or blur it again' },
  help: { key: '?', label: 'These keys' },
};

export const moves = [
  { key: '↓ ↑', label: 'Next question, question before (also Tab)' },
  { key: '← →', label: 'Picture before, next picture' },
];

/** What keys do while a box is marked. */
export const boxMoves = [
  { key: '← ↑ → ↓', label: 'Move the marked box; with Shift, make it smaller or larger' },
  { key: 'Del', label: 'Take the marked box away' },
];

/** What is pressed for choices, in this order, as far as no command has it. */
const pool = '1234567890abcdefghijklmnopqrstuvwxyz';

export interface Choice {
  value: string;
  /** Missing when there are more choices than keys: then one types to find it. */
  key?: string;
}

export interface Branch {
  name: string;
  /** Whether the group alone is an answer. */
  chosen: boolean;
  values: string[];
  groups: Branch[];
}

/** A tree as it is shown: what is in no group stands at its top. */
export function branches(options: string[], groups: { name: string; values: string[] }[]): Branch {
  const names = new Set(groups.map((g) => g.name));
  const inner = new Set(groups.flatMap((g) => g.values));
  const of = (name: string, values: string[]): Branch => ({
    name,
    chosen: options.includes(name),
    values: values.filter((v) => !names.has(v) && options.includes(v)),
    groups: groups.filter((g) => values.includes(g.name)).map((g) => of(g.name, g.values)),
  });
  return of('', [...groups.map((g) => g.name), ...options].filter((v) => !inner.has(v)));
}

/** Its choices in the order in which they are seen, so that the keys follow the eye. */
export const inOrder = (b: Branch): string[] => [...(b.chosen ? [b.name] : []), ...b.values, ...b.groups.flatMap(inOrder)];

/**
 * Gives each choice its key. Throws when two commands share one, or a choice is
 * there twice: a question whose keys are not clear is refused.
 */
export function assign(options: string[], first: string[] = [], taken = commands): Choice[] {
  const used = new Set<string>();
  for (const c of Object.values(taken)) {
    const key = c.key.toLowerCase();
    if (used.has(key)) throw new Error(`Two commands have the key ${c.key}.`);
    used.add(key);
  }
  if (new Set(options).size !== options.length) throw new Error('A choice is there twice.');
  const keys = [...pool].filter((k) => !used.has(k));
  // With more choices than keys, those that were suggested come first.
  const ordered = options.length <= keys.length ? options : [...new Set([...first, ...options])];
  return ordered.map((value, i) => ({ value, key: keys[i] }));
}
