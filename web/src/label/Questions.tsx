import { Alert, Autocomplete, Badge, CloseButton, Group, Stack, Text, TextInput } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Schemas } from '../api/client';
import { percent } from '../ui/format';
import { assign, branches, inOrder, type Branch, type Choice } from './keys';
import type { BoxHand } from './boxes';
import { suggested, type Boxes, type Claim, type Spot, type Values } from './desk';
import type { Hands } from './useKeys';

type Question = Schemas['Question'];

interface Props {
  claim: Claim;
  active: number;
  setActive: (change: number | ((a: number) => number)) => void;
  values: Values;
  boxes: Boxes;
  hand: BoxHand | undefined;
  images: string[]; // of the post, by their SHA-256
  choose: (attribute: string, values: string[], boxes?: Spot[]) => void;
  hands: (h: Hands) => void;
}

/** All questions about one post. One is marked: its choices have the keys. */
export function Questions({ claim, active, setActive, values, boxes, hand, images, choose, hands }: Props) {
  const questions = claim.item.questions ?? [];
  const finder = useRef<HTMLInputElement>(null);
  const keyed = useMemo(() => plan(questions), [questions]);
  const q = questions[active];
  const set = (question: Question, value: string) => {
    const now = values[question.attribute] ?? [];
    const had = now.includes(value);
    choose(question.attribute, question.multiple ? (had ? now.filter((v) => v !== value) : [...now, value]) : had ? [] : [value]);
    if (!question.multiple && !had && question.kind !== 'box' && active < questions.length - 1) setActive(active + 1);
  };
  useEffect(() => {
    hands({
      move: (by) => setActive((a) => Math.max(0, Math.min(questions.length - 1, a + by))),
      none: () => q && choose(q.attribute, []),
      accept: () => q && choose(q.attribute, suggested(q), q.boxes ?? []),
      find: () => finder.current?.focus(),
      choice: (key) => {
        const found = q && keyed.choices[active]?.find((c) => c.key === key);
        if (!q || !found) return false;
        set(q, found.value);
        return true;
      },
    });
  });
  if (keyed.problem) return <Alert color="red" role="alert" title="This question can’t be shown">{keyed.problem}</Alert>;
  return (
    <Stack gap={4} role="group" aria-label="Questions">
      {questions.map((question, i) => (
        <fieldset key={question.attribute} className="question" data-active={i === active} onFocusCapture={() => setActive(i)} onClick={() => setActive(i)}>
          <legend>
            <Group gap={8} justify="space-between" wrap="nowrap">
              <span>{question.attribute.replaceAll('_', ' ')}{question.multiple ? <Text span size="xs" c="dimmed"> any number</Text> : null}</span>
              <Suggested question={question} values={values[question.attribute] ?? []} />
            </Group>
          </legend>
          {i === active ? (
            <Open question={question} choices={keyed.choices[i] ?? []} values={values[question.attribute] ?? []} toggle={(v) => set(question, v)} finder={finder}
              write={(text) => choose(question.attribute, text.trim() ? [text] : [])} done={() => setActive(Math.min(questions.length - 1, active + 1))}>
              {question.kind === 'box' && hand && <BoxList hand={hand} images={images} />}
            </Open>
          ) : (
            <Chosen values={values[question.attribute] ?? []} boxes={boxes[question.attribute]?.length ?? 0} />
          )}
        </fieldset>
      ))}
    </Stack>
  );
}

function plan(questions: Question[]): { choices: Choice[][]; problem?: string } {
  try {
    return { choices: questions.map((q) => assign(q.kind === 'tree' ? inOrder(tree(q)) : (q.options ?? []), q.suggestion ?? [])) };
  } catch (e) {
    return { choices: [], problem: e instanceof Error ? e.message : String(e) };
  }
}

const tree = (q: Question) => branches(q.options ?? [], q.groups ?? []);

function Suggested({ question, values }: { question: Question; values: string[] }) {
  const said = question.suggestion ?? [];
  if (said.length === 0) return null;
  const same = said.length === values.length && said.every((v) => values.includes(v));
  return (
    <Group gap={4} wrap="nowrap" style={{ flexShrink: 0 }}>
      <Badge color={same ? 'teal' : 'gray'} size="sm">
        {question.model ?? 'suggested'} {percent(question.confidence)}
      </Badge>
    </Group>
  );
}

function Chosen({ values, boxes }: { values: string[]; boxes: number }) {
  return (
    <Text size="sm" c={values.length === 0 ? 'dimmed' : undefined} className="wrap">
      {values.length === 0 ? 'none' : values.join(', ')}{boxes > 0 && ` · ${boxes} ${boxes === 1 ? 'box' : 'boxes'}`}
    </Text>
  );
}

interface OpenProps {
  question: Question;
  choices: Choice[];
  values: string[];
  toggle: (value: string) => void;
  finder: React.RefObject<HTMLInputElement | null>;
  write: (text: string) => void;
  done: () => void;
  children?: React.ReactNode;
}

// With more choices than keys: the chosen, the suggested, and what is typed.
const shownWithKeys = 35;

function Open({ question, choices, values, toggle, finder, write, done, children }: OpenProps) {
  const long = choices.length > shownWithKeys;
  const suggested = question.suggestion ?? [];
  const button = (c: Choice) => <Button key={c.value} choice={c} question={question} values={values} toggle={toggle} />;
  const shown = long ? choices.filter((c) => suggested.includes(c.value) || values.includes(c.value)) : choices;
  return (
    <Stack gap={8}>
      {question.kind === 'text' ? (
        <Words question={question} text={values[0] ?? ''} write={write} done={done} finder={finder} />
      ) : (
        <Group gap={6} role={question.multiple ? 'group' : 'radiogroup'} aria-label={question.attribute}>
          {question.kind === 'tree' ? <Tree of={tree(question)} button={(v) => choices.filter((c) => c.value === v).map(button)} /> : shown.map(button)}
          {values.length === 0 && <Text size="sm" c="dimmed">none</Text>}
        </Group>
      )}
      {children}
      {question.kind !== 'text' && (choices.length === 0 || choices.length > 20) && <Find question={question} choices={choices} toggle={toggle} finder={finder} />}
      {question.guidelines && <Text size="sm" className="wrap guideline">{question.guidelines}</Text>}
      {question.examples && question.examples.length > 0 && (
        <Group gap="xs">
          {question.examples.map((src) => <img key={src} src={src} alt={`Example of ${question.attribute}`} className="example" loading="lazy" />)}
        </Group>
      )}
    </Stack>
  );
}

function Button({ choice: c, question, values, toggle }: { choice: Choice; question: Question; values: string[]; toggle: (v: string) => void }) {
  const on = values.includes(c.value);
  return (
    <button type="button" className="choice" role={question.multiple ? undefined : 'radio'} aria-pressed={question.multiple ? on : undefined} aria-checked={question.multiple ? undefined : on} tabIndex={-1} onMouseDown={(e) => e.preventDefault()} onClick={() => toggle(c.value)}>
      {c.key && <span className="key">{c.key.toUpperCase()}</span>}
      {c.value}
      {question.suggestion?.includes(c.value) && <span title="suggested" aria-label="suggested">✦</span>}
    </button>
  );
}

/** Groups of choices, groups within them below. A group that is an answer too is a choice itself. */
function Tree({ of, button }: { of: Branch; button: (value: string) => React.ReactNode }) {
  return (
    <Stack gap={6} w="100%">
      {of.values.length > 0 && <Group gap={6}>{of.values.map(button)}</Group>}
      {of.groups.map((g) => (
        <div key={g.name} className="branch">
          {g.chosen ? button(g.name) : <div className="branch-name">{g.name}</div>}
          <div style={{ paddingTop: 4 }}><Tree of={g} button={button} /></div>
        </div>
      ))}
    </Stack>
  );
}

/** An answer in one's own words, kept while it is written. Enter goes on to the next question. */
function Words({ question, text, write, done, finder }: { question: Question; text: string; write: (text: string) => void; done: () => void; finder: React.RefObject<HTMLInputElement | null> }) {
  const leave = (e: React.KeyboardEvent) => {
    if (e.key !== 'Enter' && e.key !== 'Escape') return;
    e.preventDefault();
    e.stopPropagation();
    finder.current?.blur();
    if (e.key === 'Enter') done();
  };
  return (
    <TextInput ref={finder} size="sm" value={text} onChange={(e) => write(e.currentTarget.value)} onKeyDown={leave} maxLength={question.longest} leftSection={<span className="key">/</span>}
      placeholder="in your own words, then Enter" aria-label={question.attribute.replaceAll('_', ' ')} description={text.length > (question.longest ?? 0) - 100 ? `${text.length} of ${question.longest} characters` : undefined} />
  );
}

/** Every box of a question, for keyboard and screen reader too. */
function BoxList({ hand, images }: { hand: BoxHand; images: string[] }) {
  const whole = (v: number) => Math.round(100 * v);
  return (
    <Stack gap={4}>
      {hand.spots.length > 0 && <Stack gap={4} role="list" aria-label="Boxes">{hand.spots.map((s, i) => (
        <Group key={i} gap={6} role="listitem">
          <button type="button" className="choice" aria-pressed={hand.marked === i} onClick={() => hand.mark(hand.marked === i ? undefined : i)}>
            {s.value}{images.length > 1 && `, picture ${images.indexOf(s.image) + 1}`}: {whole(s.box.w)} × {whole(s.box.h)} % at {whole(s.box.x)}, {whole(s.box.y)}
          </button>
          <CloseButton aria-label={`Take the box around ${s.value} away`} onClick={() => hand.remove(i)} />
        </Group>
      ))}</Stack>}
      <Text size="sm" c="dimmed">
        {hand.value === undefined ? 'Choose what is there, then draw a box around it.' : <>Draw a box around <b>{hand.value}</b>, or press <span className="key">B</span></>}
        {hand.marked !== undefined ? '; arrows move the marked one, Shift and arrows size it, Del takes it away, Enter is done.' : hand.spots.length > 0 && <>; <span className="key">E</span> marks one to change it.</>}
      </Text>
    </Stack>
  );
}

/** Typing finds a choice; where there are none, it is the answer. Enter takes it and goes back to the keys. */
function Find({ question, choices, toggle, finder }: { question: Question; choices: Choice[]; toggle: (v: string) => void; finder: React.RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState('');
  const take = (value: string) => {
    toggle(value);
    setText('');
    finder.current?.blur();
  };
  const leave = (e: React.KeyboardEvent) => {
    if (e.key === 'Escape') finder.current?.blur();
    if (e.key !== 'Enter') return;
    e.preventDefault();
    e.stopPropagation();
    const typed = text.trim().toLowerCase();
    const found = choices.find((c) => c.value.toLowerCase() === typed) ?? choices.find((c) => c.value.toLowerCase().startsWith(typed)) ?? choices.find((c) => c.value.toLowerCase().includes(typed));
    if (typed === '') finder.current?.blur();
    else if (choices.length === 0) take(text.trim());
    else if (found) take(found.value);
  };
  const common = { ref: finder, size: 'sm' as const, value: text, onKeyDown: leave, leftSection: <span className="key">/</span>, 'aria-label': `Find a value of ${question.attribute}` };
  if (choices.length === 0) return <TextInput {...common} placeholder="type, then Enter" maxLength={200} onChange={(e) => setText(e.currentTarget.value)} />;
  return <Autocomplete {...common} placeholder={`find among ${choices.length}`} data={choices.map((c) => c.value)} limit={8} onChange={setText} onOptionSubmit={take} />;
}
