// The boxes of the marked question: drawn, moved and sized with the mouse or by keyboard.
import { useCallback, useState } from 'react';
import type { Schemas } from '../api/client';
import type { Desk, Spot } from './desk';

export type Box = Spot['box'];
export const smallest = 0.01; // of the picture: less is a slip of the mouse
const step = 0.01;
const most = 50; // the API takes no more

export interface BoxHand {
  spots: Spot[];
  /** What the next box is of; missing while no value is chosen. */
  value: string | undefined;
  marked: number | undefined;
  mark: (i: number | undefined) => void;
  put: (i: number, box: Box) => void;
  add: (image: string, box: Box) => void;
  remove: (i: number) => void;
}

const round = (v: number) => Math.round(v * 1e4) / 1e4;

/** Keeps a box within its picture, and of some size. */
export function within(b: Box): Box {
  const w = Math.min(1, Math.max(smallest, b.w));
  const h = Math.min(1, Math.max(smallest, b.h));
  return { x: round(Math.min(Math.max(0, b.x), 1 - w)), y: round(Math.min(Math.max(0, b.y), 1 - h)), w: round(w), h: round(h) };
}

export const between = (ax: number, ay: number, bx: number, by: number): Box => {
  const cut = (v: number) => Math.min(1, Math.max(0, v));
  const [x0, x1, y0, y1] = [cut(Math.min(ax, bx)), cut(Math.max(ax, bx)), cut(Math.min(ay, by)), cut(Math.max(ay, by))];
  return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
};

/** What a key makes of the marked box; undefined: nothing. */
export function moved(b: Box, key: string, shift: boolean): Box | undefined {
  const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[key];
  if (!by) return undefined;
  if (!shift) return within({ ...b, x: b.x + by[0]!, y: b.y + by[1]! });
  return within({ ...b, w: Math.min(b.w + by[0]!, 1 - b.x), h: Math.min(b.h + by[1]!, 1 - b.y) });
}

/** The hand that draws; undefined when the marked question is not about places. */
export function useBoxHand(desk: Desk, q: Schemas['Question'] | undefined, values: string[], spots: Spot[]): BoxHand | undefined {
  const [at, setAt] = useState<{ attribute: string; i: number }>();
  const mark = useCallback((i: number | undefined) => setAt(i === undefined || !q ? undefined : { attribute: q.attribute, i }), [q]);
  if (q?.kind !== 'box') return undefined;
  const marked = at?.attribute === q.attribute && at.i < spots.length ? at.i : undefined;
  const bare = values.find((v) => !spots.some((s) => s.value === v));
  const value = bare ?? (marked !== undefined ? spots[marked]!.value : undefined) ?? values[values.length - 1] ?? (q.options?.length === 1 ? q.options[0] : undefined);
  const save = (next: Spot[], v = values) => desk.choose(q.attribute, v, next);
  return {
    spots, value, marked, mark,
    put: (i, box) => save(spots.map((s, n) => (n === i ? { ...s, box: within(box) } : s))),
    add: (image, box) => {
      if (value === undefined) return desk.tell('Choose first what the box is around.', 'info');
      if (spots.length >= most) return desk.tell(`There are ${most} boxes already.`, 'info');
      save([...spots, { value, image, box: within(box) }], values.includes(value) ? values : [...values, value]);
      mark(spots.length);
    },
    remove: (i) => {
      save(spots.filter((_, n) => n !== i));
      mark(undefined);
    },
  };
}
