import { useEffect, useState, type RefObject } from 'react';
import type { Schemas } from '../api/client';

export type Spot = Schemas['Spot'];
export interface Frame { left: number; top: number; width: number; height: number }

/** Where the picture of a stage is within it: boxes are in fractions of the picture, which is seldom as wide or high as its stage. */
export function useFrame(stage: RefObject<HTMLElement | null>): Frame | undefined {
  const [frame, setFrame] = useState<Frame>();
  useEffect(() => {
    const el = stage.current;
    if (!el) return;
    const measure = () => {
      const img = el.querySelector('img');
      const now = img && img.offsetWidth > 0 ? { left: img.offsetLeft, top: img.offsetTop, width: img.offsetWidth, height: img.offsetHeight } : undefined;
      setFrame((was) => (JSON.stringify(was) === JSON.stringify(now) ? was : now));
    };
    const sizes = new ResizeObserver(measure);
    const watch = () => {
      sizes.disconnect();
      sizes.observe(el);
      el.querySelectorAll('img').forEach((img) => sizes.observe(img));
      measure();
    };
    watch();
    const changes = new MutationObserver(watch); // another picture, or the enlarged one
    changes.observe(el, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-zoom'] });
    el.addEventListener('load', measure, true);
    return () => {
      sizes.disconnect();
      changes.disconnect();
      el.removeEventListener('load', measure, true);
    };
  }, [stage]);
  return frame;
}

const part = (v: number) => `${100 * v}%`;
export const around = (b: Spot['box']) => ({ left: part(b.x), top: part(b.y), width: part(b.w), height: part(b.h) });

/** What people have drawn, to be looked at. */
export function Drawn({ stage, spots }: { stage: RefObject<HTMLElement | null>; spots: Spot[] }) {
  const frame = useFrame(stage);
  if (!frame || spots.length === 0) return null;
  return (
    <div className="boxes" style={frame} aria-hidden>
      {spots.map((s, i) => <div key={i} className="box" style={around(s.box)}><span>{s.value}</span></div>)}
    </div>
  );
}
