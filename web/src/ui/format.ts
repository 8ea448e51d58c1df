const number = new Intl.NumberFormat('en');
const when = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const ago = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

export const count = (n: number | undefined) => (n === undefined ? '–' : number.format(n));
export const percent = (share: number | undefined, digits = 0) => (share === undefined ? '–' : `${(100 * share).toFixed(digits)} %`);
export const moment = (text: string | undefined) => (text ? when.format(new Date(text)) : '–');
export const date = (text: string | undefined) => (text ? day.format(new Date(text)) : '–');

/** Seconds as people say them: 0.03 s, 12 s, 3 min, 2.1 h. */
export function span(seconds: number | undefined): string {
  if (seconds === undefined || Number.isNaN(seconds)) return '–';
  if (seconds < 0.0005) return '0 s';
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86400) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** How long ago, or from now. */
export function since(text: string | undefined, now = Date.now()): string {
  if (!text) return '–';
  const s = (new Date(text).getTime() - now) / 1000;
  const a = Math.abs(s);
  if (a < 60) return ago.format(Math.round(s), 'second');
  if (a < 3600) return ago.format(Math.round(s / 60), 'minute');
  if (a < 86400) return ago.format(Math.round(s / 3600), 'hour');
  return ago.format(Math.round(s / 86400), 'day');
}
