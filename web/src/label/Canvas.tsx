import { useRef, useState, type PointerEvent, type RefObject } from 'react';
import { around, useFrame } from '../ui/Boxes';
import { between, smallest, within, type Box, type BoxHand } from './boxes';

interface Drag {
  i: number | undefined; // which box; undefined: a new one
  from: Box;
  x: number;
  y: number;
  size: boolean;
}

/** Lies over the picture and draws on it. What it does by mouse, keys do too: see the list of boxes. */
export function Canvas({ stage, image, hand }: { stage: RefObject<HTMLElement | null>; image: string; hand: BoxHand }) {
  const frame = useFrame(stage);
  const area = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag>(undefined);
  const [live, setLive] = useState<Box>();
  const at = (e: PointerEvent) => {
    const r = area.current!.getBoundingClientRect();
    return { x: (e.clientX - r.left) / r.width, y: (e.clientY - r.top) / r.height };
  };
  const start = (e: PointerEvent, i: number | undefined, size: boolean) => {
    if (e.button !== 0) return;
    e.preventDefault();
    e.stopPropagation();
    area.current!.setPointerCapture(e.pointerId);
    const p = at(e);
    drag.current = { i, from: i === undefined ? { ...p, w: 0, h: 0 } : hand.spots[i]!.box, ...p, size };
    hand.mark(i);
  };
  const now = (e: PointerEvent): Box | undefined => {
    const d = drag.current;
    if (!d) return undefined;
    const p = at(e);
    if (d.i === undefined) return between(d.x, d.y, p.x, p.y);
    if (d.size) return between(d.from.x, d.from.y, Math.max(p.x, d.from.x + smallest), Math.max(p.y, d.from.y + smallest));
    return within({ ...d.from, x: d.from.x + p.x - d.x, y: d.from.y + p.y - d.y });
  };
  const end = (e: PointerEvent) => {
    const box = now(e);
    const d = drag.current;
    drag.current = undefined;
    setLive(undefined);
    if (!box || !d) return;
    if (d.i !== undefined) hand.put(d.i, box);
    else if (box.w >= smallest && box.h >= smallest) hand.add(image, box);
  };
  if (!frame) return null;
  const moving = drag.current?.i;
  return (
    <div ref={area} className="boxes boxes-open" style={frame} aria-hidden data-testid="canvas"
      onPointerDown={(e) => start(e, undefined, false)} onPointerMove={(e) => drag.current && setLive(now(e))} onPointerUp={end} onPointerCancel={() => ((drag.current = undefined), setLive(undefined))}>
      {hand.spots.map((s, i) =>
        s.image !== image ? null : (
          <div key={i} className="box" data-marked={hand.marked === i} style={around(moving === i && live ? live : s.box)} onPointerDown={(e) => start(e, i, false)}>
            <span>{s.value}</span>
            {hand.marked === i && <i onPointerDown={(e) => start(e, i, true)} />}
          </div>
        ),
      )}
      {live && moving === undefined && <div className="box" data-marked style={around(live)} />}
    </div>
  );
}
