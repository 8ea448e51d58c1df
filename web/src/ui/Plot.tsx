import { Box, useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Line {
  label: string;
  values: (number | null)[];
  dash?: boolean;
  points?: boolean;
  fill?: boolean;
  /** Drawn as the edge of a band, without a legend. */
  edge?: boolean;
  /** The colour, where it means something; else the next one. */
  hue?: string;
}

interface Props {
  label: string;
  /** Seconds since 1970. */
  times: number[];
  lines: Line[];
  /** Pairs of lines (by index) between which the ground is tinted. */
  bands?: [number, number][];
  format: (v: number) => string;
  height?: number;
  bars?: boolean;
  /** Bars that stand on each other, the first line at the bottom. */
  stacked?: boolean;
}

// Told apart without colours too: the legend and the table say the numbers.
const hues = ['#4263eb', '#e8590c', '#0b8a6a', '#c2255c', '#7048e8', '#997404', '#1098ad', '#5c940d'];

/** What is drawn of lines that stand on each other: sums, the highest first, so that each covers the foot of the one before. */
function piled(lines: Line[]): Line[] {
  const sums: number[] = [];
  return lines
    .map((l, i) => ({ ...l, hue: l.hue ?? hues[i % hues.length], values: l.values.map((v, at) => ((sums[at] = (sums[at] ?? 0) + (v ?? 0)), v ? sums[at] : null)) }))
    .reverse();
}

/** A plot over time. It is a picture: pages give the numbers in a table beside it. */
export function Plot({ label, times, lines: given, bands, format, height = 260, bars: apart, stacked }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const dark = useComputedColorScheme('light') === 'dark';
  const bars = apart || stacked;
  useEffect(() => {
    const at = box.current;
    if (!at) return;
    const lines = stacked ? piled(given) : given;
    const half = times.length > 1 ? ((times[1] ?? 0) - (times[0] ?? 0)) / 2 : 1800; // bars stand on their time, half of each side
    const ink = dark ? '#c1c7d0' : '#495057';
    const line = dark ? '#3b3f46' : '#e3e6ea';
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font: '12px system-ui, sans-serif' };
    const plot = new uPlot(
      {
        width: at.clientWidth, height,
        scales: { x: { time: true, ...(bars ? { range: (_u: uPlot, lo: number, hi: number): uPlot.Range.MinMax => [lo - half, hi + half] } : {}) }, y: { range: (_u, _lo, hi) => [0, hi > 0 ? hi * 1.08 : 1] } },
        axes: [axis, { ...axis, size: 62, values: (_u, ticks) => ticks.map((t) => format(t)) }],
        legend: { live: false },
        cursor: { y: false },
        bands: bands?.map((b) => ({ series: [b[1] + 1, b[0] + 1] as [number, number], fill: dark ? 'rgba(76,110,245,.22)' : 'rgba(76,110,245,.14)' })),
        series: [
          {},
          ...lines.map((l, i) => {
            const hue = l.hue ?? hues[i % hues.length];
            return {
              label: l.label, stroke: l.edge ? 'transparent' : hue, width: l.edge ? 0 : stacked ? 1 : 2, dash: l.dash ? [6, 5] : undefined, spanGaps: false,
              fill: stacked ? hue : l.fill || bars ? hue + '55' : undefined, points: { show: !bars && !l.edge && times.length < 60 }, paths: bars ? uPlot.paths.bars?.({ size: [0.75, 60] }) : undefined,
            } as uPlot.Series;
          }),
        ],
      },
      [times, ...lines.map((l) => l.values)] as uPlot.AlignedData,
      at,
    );
    // Edges of bands are no lines of their own.
    plot.root.querySelectorAll('.u-legend .u-series').forEach((row, i) => {
      if (lines[i]?.edge) (row as HTMLElement).style.display = 'none';
    });
    const sized = new ResizeObserver(() => plot.setSize({ width: at.clientWidth, height }));
    sized.observe(at);
    return () => {
      sized.disconnect();
      plot.destroy();
    };
  }, [times, given, bands, format, height, dark, bars, stacked]);
  return <Box ref={box} role="img" aria-label={label} style={{ minWidth: 0, overflow: 'hidden' }} />;
}
