import { Alert, Autocomplete, Badge, Group, Stack, Text, TextInput } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Schemas } from '../api/client';
import { percent } from '../ui/format';
import { assign, type Choice } from './keys';
import type { Claim, Values } from './desk';
import type { Hands } from './useKeys';

type Question = Schemas['Question'];

interface Props {
  claim: Claim;
  values: Values;
  choose: (attribute: string, values: string[]) => void;
  hands: (h: Hands) => void;
}

/** All questions about one post. One is marked: its choices have the keys. */
export function Questions({ claim, values, choose, hands }: Props) {
  const questions = claim.item.questions ?? [];
  const [active, setActive] = useState(0);
  const finder = useRef<HTMLInputElement>(null);
  const keyed = useMemo(() => plan(questions), [questions]);
  const q = questions[active];
  const set = (question: Question, value: string) => {
    const now = values[question.attribute] ?? [];
    const had = now.includes(value);
    choose(question.attribute, question.multiple ? (had ? now.filter((v) => v !== value) : [...now, value]) : had ? [] : [value]);
    if (!question.multiple && !had && active < questions.length - 1) setActive(active + 1);
  };
  useEffect(() => {
    hands({
      move: (by) => setActive((a) => Math.max(0, Math.min(questions.length - 1, a + by))),
      none: () => q && choose(q.attribute, []),
      accept: () => q && choose(q.attribute, [...(q.suggestion ?? [])]),
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
            <Open question={question} choices={keyed.choices[i] ?? []} values={values[question.attribute] ?? []} toggle={(v) => set(question, v)} finder={finder} />
          ) : (
            <Chosen values={values[question.attribute] ?? []} />
          )}
        </fieldset>
      ))}
    </Stack>
  );
}

function plan(questions: Question[]): { choices: Choice[][]; problem?: string } {
  try {
    return { choices: questions.map((q) => assign(q.options ?? [], q.suggestion ?? [])) };
  } catch (e) {
    return { choices: [], problem: e instanceof Error ? e.message : String(e) };
  }
}

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

function Chosen({ values }: { values: string[] }) {
  return <Text size="sm" c={values.length === 0 ? 'dimmed' : undefined}>{values.length === 0 ? 'none' : values.join(', ')}</Text>;
}

interface OpenProps {
  question: Question;
  choices: Choice[];
  values: string[];
  toggle: (value: string) => void;
  finder: React.RefObject<HTMLInputElement | null>;
}

// With more choices than keys: the chosen, the suggested, and what is typed.
const shownWithKeys = 35;

function Open({ question, choices, values, toggle, finder }: OpenProps) {
  const long = choices.length > shownWithKeys;
  const suggested = question.suggestion ?? [];
  const shown = long ? choices.filter((c) => suggested.includes(c.value) || values.includes(c.value)) : choices;
  return (
    <Stack gap={8}>
      <Group gap={6} role={question.multiple ? 'group' : 'radiogroup'} aria-label={question.attribute}>
        {shown.map((c) => (
          <button key={c.value} type="button" className="choice" role={question.multiple ? undefined : 'radio'} aria-pressed={question.multiple ? values.includes(c.value) : undefined} aria-checked={question.multiple ? undefined : values.includes(c.value)} tabIndex={-1} onMouseDown={(e) => e.preventDefault()} onClick={() => toggle(c.value)}>
            {c.key && <span className="key">{c.key.toUpperCase()}</span>}
            {c.value}
            {suggested.includes(c.value) && <span title="suggested" aria-label="suggested">✦</span>}
          </button>
        ))}
        {values.length === 0 && <Text size="sm" c="dimmed">none</Text>}
      </Group>
      {(choices.length === 0 || choices.length > 20) && <Find question={question} choices={choices} toggle={toggle} finder={finder} />}
      {question.guidelines && <Text size="sm" className="wrap guideline">{question.guidelines}</Text>}
      {question.examples && question.examples.length > 0 && (
        <Group gap="xs">
          {question.examples.map((src) => <img key={src} src={src} alt={`Example of ${question.attribute}`} className="example" loading="lazy" />)}
        </Group>
      )}
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
