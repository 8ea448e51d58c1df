import { Badge, Tooltip } from '@mantine/core';
import { moment, since } from './format';

const colors: Record<string, string> = {
  queued: 'blue', parked: 'violet', done: 'teal', dropped: 'gray', failed: 'red', superseded: 'gray',
  running: 'blue', paused: 'yellow', cancelled: 'gray', advance: 'teal', wait: 'blue', park: 'violet', drop: 'gray', fail: 'red',
  admitted: 'gray', open: 'blue', escalated: 'orange', closed: 'teal', expired: 'gray', withdrawn: 'gray', retry: 'orange',
  settled: 'teal', disagree: 'orange', unsettled: 'blue',
};

export function State({ of }: { of: string }) {
  return (
    <Badge color={colors[of] ?? 'gray'} className="state" variant="light">
      {of}
    </Badge>
  );
}

export function Ago({ at }: { at: string | undefined }) {
  if (!at) return <>–</>;
  return (
    <Tooltip label={moment(at)}>
      <time dateTime={at}>{since(at)}</time>
    </Tooltip>
  );
}
