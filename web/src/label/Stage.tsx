import { Alert, Button, Group, Text, UnstyledButton } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { Schemas } from '../api/client';
import { date } from '../ui/format';
import { PostImage } from '../ui/PostImage';
import { Trouble, Waiting } from '../ui/States';
import type { BoxHand } from './boxes';
import { Canvas } from './Canvas';
import type { Hands } from './useKeys';

interface Props {
  post: UseQueryResult<Schemas['Asked']>;
  hands: (h: Hands) => void;
  boxes: BoxHand | undefined;
}

/** The post that is asked about: its pictures, large, and its words. Who wrote it is hidden. */
export function Stage({ post, hands, boxes }: Props) {
  const [n, setN] = useState(0);
  const stage = useRef<HTMLDivElement>(null);
  const [zoom, setZoom] = useState(false);
  const [shown, setShown] = useState(false);
  const images = (post.data?.images ?? []).filter((m) => m.path);
  const many = images.length;
  const at = images[Math.min(n, many - 1)];
  useEffect(() => {
    hands({ box: () => boxes && at?.sha256 && boxes.add(at.sha256, { x: 0.25, y: 0.25, w: 0.5, h: 0.5 }) });
  });
  // The picture of the marked box is the one that is shown.
  const marked = boxes?.marked !== undefined ? boxes.spots[boxes.marked]?.image : undefined;
  useEffect(() => {
    const i = images.findIndex((m) => m.sha256 === marked);
    if (marked && i >= 0) setN(i);
  }, [marked, boxes?.marked]);
  useEffect(() => {
    hands({ zoom: () => setZoom((z) => !z), show: () => setShown((s) => !s), turn: (by) => setN((at) => (many === 0 ? 0 : (at + by + many) % many)) });
  }, [hands, many]);
  if (post.error) return <Trouble error={post.error} retry={() => void post.refetch()} />;
  if (!post.data) return <Waiting />;
  const hidden = post.data.adult && !shown;
  return (
    <>
      <div ref={stage} className="stage" data-zoom={zoom} tabIndex={zoom ? 0 : undefined} role={zoom ? 'group' : undefined} aria-label={zoom ? 'Picture, enlarged' : undefined}>
        {at ? <PostImage key={at.n} post={post.data.id} n={at.n} alt={at.alt ?? 'Picture of the post'} blur={hidden} /> : <Text c="dimmed">The post has no picture.</Text>}
        {boxes && at?.sha256 && !hidden && <Canvas stage={stage} image={at.sha256} hand={boxes} />}
        {hidden && at && (
          <Alert color="gray" style={{ position: 'absolute' }} title="For adults">
            <Button size="xs" onClick={() => setShown(true)} leftSection={<span className="key">X</span>}>Show it</Button>
          </Alert>
        )}
      </div>
      {many > 1 && (
        <Group gap="xs">
          {images.map((m, i) => (
            <UnstyledButton key={m.n} className="thumb" aria-pressed={m === at} aria-label={`Picture ${i + 1} of ${many}`} onClick={() => setN(i)}>
              <PostImage post={post.data.id} n={m.n} alt="" blur={hidden} />
            </UnstyledButton>
          ))}
        </Group>
      )}
      <Text className="wrap" lang={post.data.language} size="md">{post.data.text || 'No text.'}</Text>
      <Author post={post.data} />
    </>
  );
}

function Author({ post }: { post: Schemas['Asked'] }) {
  const [shown, setShown] = useState(false);
  const name = post.author.handle || post.author.name;
  return (
    <Group gap="xs">
      <Text size="sm" c="dimmed">{post.source} · {date(post.created_at)}</Text>
      {name && (
        <Button size="compact-xs" variant="subtle" onClick={() => setShown(!shown)} aria-expanded={shown}>
          {shown ? name : 'Show who wrote it'}
        </Button>
      )}
    </Group>
  );
}
