// Which key does what. Pure, so that a conflict shows when a question arrives and
// not when somebody presses the key.

export type Command = 'submit' | 'undo' | 'skip' | 'zoom' | 'show' | 'none' | 'find' | 'accept' | 'help';

export const commands: Record<Command, { key: string; label: string }> = {
  submit: { key: 'Enter', label: 'Hand in, with all suggestions that you left as they are' },
  undo: { key: 'u', label: 'Back to the answer before; any number of times' },
  skip: { key: 's', label: 'Skip, with a reason' },
  none: { key: 'n', label: 'There is none: clear the question' },
  accept: { key: 'y', label: 'Back to the suggestion' },
  find: { key: '/', label: 'Find a choice by typing' },
  zoom: { key: 'z', label: 'Larger picture' },
  show: { key: 'x', label: 'Show a blurred picture, or blur it again' },
  help: { key: '?', label: 'These keys' },
};

export const moves = [
  { key: '↓ ↑', label: 'Next question, question before (also Tab)' },
  { key: '← →', label: 'Picture before, next picture' },
];

/** What is pressed for choices, in this order, as far as no command has it. */
const pool = '1234567890abcdefghijklmnopqrstuvwxyz';

export interface Choice {
  value: string;
  /** Missing when there are more choices than keys: then one types to find it. */
  key?: string;
}

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
