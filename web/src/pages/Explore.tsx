import { Button, Checkbox, Collapse, Group, Select, SimpleGrid, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { ask, client, type Schemas } from '../api/client';
import { many, one, useAddress } from '../ui/address';
import { count, date } from '../ui/format';
import { PostImage } from '../ui/PostImage';
import { Empty, Page, Trouble, Waiting } from '../ui/States';
import type { Search } from '../router';

type Post = Schemas['Post'];
type Facets = Record<string, Schemas['FacetCount'][] | null>;

const attributes = ['category', 'garment', 'color', 'brand', 'material', 'style', 'occasion'];
const filters = ['source', 'language', 'country', 'profile'] as const;
const sorts = [
  { value: 'newest', label: 'Newest first' },
  { value: 'oldest', label: 'Oldest first' },
  { value: 'relevance', label: 'Best match' },
  { value: 'likes', label: 'Most liked' },
];

function useSearchPosts(s: Search) {
  const query = {
    q: one(s.q) || undefined,
    attribute: many(s.attribute),
    source: many(s.source),
    language: many(s.language),
    country: many(s.country),
    profile: many(s.profile),
    since: day(one(s.since)),
    until: day(one(s.until)),
    sort: (one(s.sort) || 'newest') as 'newest',
    limit: 100,
  };
  return useInfiniteQuery({
    queryKey: ['search', query],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      ask(client.GET('/v1/search', { params: { query: { ...query, facet: pageParam ? undefined : [...filters, ...attributes], cursor: pageParam || undefined } } })),
    getNextPageParam: (last) => last.next_cursor || undefined,
  });
}

const day = (text: string) => (/^\d{4}-\d\d-\d\d$/.test(text) ? text + 'T00:00:00Z' : undefined);

export default function Explore() {
  const [search, change] = useAddress();
  const found = useSearchPosts(search);
  const posts = found.data?.pages.flatMap((p) => p.items) ?? [];
  const first = found.data?.pages[0];
  return (
    <Page title="Explore" intro="Recent posts, by what was found in them. The address holds the search: share it, or come back to it.">
      <Bar search={search} change={change} />
      <Group align="flex-start" gap="md" wrap="nowrap" className="explore">
        <FacetPanel facets={(first?.facets ?? {}) as Facets} search={search} change={change} />
        <div style={{ flex: 1, minWidth: 0 }}>
          {found.error && <Trouble error={found.error} retry={() => void found.refetch()} />}
          {found.isPending && <Waiting what="Searching" />}
          {first && (
            <Text size="sm" c="dimmed" mb="xs" role="status">
              {count(first.total)} {first.total === 1 ? 'post' : 'posts'}
            </Text>
          )}
          {first && posts.length === 0 ? (
            <Empty title="Nothing fits">Take a filter away, or other words.</Empty>
          ) : (
            <Grid posts={posts} more={found.hasNextPage && !found.isFetchingNextPage ? () => void found.fetchNextPage() : undefined} />
          )}
          {found.isFetchingNextPage && <Waiting what="Loading more" />}
        </div>
      </Group>
    </Page>
  );
}

function Bar({ search, change }: { search: Search; change: (s: Search) => void }) {
  const [text, setText] = useState(one(search.q));
  useEffect(() => setText(one(search.q)), [search.q]);
  const trend = many(search.attribute)[0]?.split(':');
  return (
    <Group align="flex-end" gap="xs" component="form" onSubmit={(e) => (e.preventDefault(), change({ q: text || undefined }))} role="search">
      <TextInput label="Words" placeholder="any language" value={text} onChange={(e) => setText(e.currentTarget.value)} w={280} type="search" />
      <TextInput label="Since" type="date" value={one(search.since)} onChange={(e) => change({ since: e.currentTarget.value || undefined })} />
      <TextInput label="Before" type="date" value={one(search.until)} onChange={(e) => change({ until: e.currentTarget.value || undefined })} />
      <Select label="Order" data={sorts} value={one(search.sort) || 'newest'} onChange={(v) => change({ sort: v ?? undefined })} allowDeselect={false} w={150} />
      <Button type="submit">Search</Button>
      {trend && (
        <Button variant="default" component={Link} to="/trends" search={{ name: trend[0], value: trend.slice(1).join(':'), profile: many(search.profile)[0] } as never}>
          Its trend
        </Button>
      )}
    </Group>
  );
}

function FacetPanel({ facets, search, change }: { facets: Facets; search: Search; change: (s: Search) => void }) {
  const chosen = [...filters, 'attribute'].flatMap((f) => many(search[f]));
  return (
    <Stack w={210} gap="sm" component="aside" aria-label="Filters" style={{ flexShrink: 0 }}>
      {chosen.length > 0 && (
        <Button size="xs" variant="default" onClick={() => change({ attribute: undefined, source: undefined, language: undefined, country: undefined, profile: undefined })}>
          Take all filters away
        </Button>
      )}
      {attributes.map((name) => (
        <Facet key={name} name={name} counts={facets[name] ?? []} chosen={many(search.attribute).filter((a) => a.startsWith(name + ':')).map((a) => a.slice(name.length + 1))}
          set={(values) => change({ attribute: [...many(search.attribute).filter((a) => !a.startsWith(name + ':')), ...values.map((v) => `${name}:${v}`)] })} />
      ))}
      {filters.map((name) => (
        <Facet key={name} name={name} counts={facets[name] ?? []} chosen={many(search[name])} set={(values) => change({ [name]: values })} />
      ))}
    </Stack>
  );
}

function Facet({ name, counts, chosen, set }: { name: string; counts: Schemas['FacetCount'][]; chosen: string[]; set: (values: string[]) => void }) {
  const [all, setAll] = useState(false);
  const values = [...counts.map((c) => c.value), ...chosen.filter((c) => !counts.some((k) => k.value === c))];
  if (values.length === 0) return null;
  const row = (v: string) => (
    <Checkbox key={v} size="xs" checked={chosen.includes(v)} onChange={(e) => set(e.currentTarget.checked ? [...chosen, v] : chosen.filter((c) => c !== v))}
      label={<>{v} <Text span size="xs" c="dimmed">{count(counts.find((c) => c.value === v)?.n)}</Text></>} />
  );
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
      <Text component="legend" size="sm" fw={650} mb={4} tt="capitalize">
        {name}
      </Text>
      <Stack gap={4}>
        {values.slice(0, 6).map(row)}
        {values.length > 6 && (
          <>
            <Collapse expanded={all}>
              <Stack gap={4}>{all && values.slice(6).map(row)}</Stack>
            </Collapse>
            <UnstyledButton fz="xs" c="var(--mantine-color-anchor)" onClick={() => setAll(!all)} aria-expanded={all}>
              {all ? 'Fewer' : `${values.length - 6} more`}
            </UnstyledButton>
          </>
        )}
      </Stack>
    </fieldset>
  );
}

const gap = 12;
const caption = 64;

// Rows that are out of sight are not in the page: ten thousand posts cost as many
// nodes, and requests for pictures, as a screenful.
function Grid({ posts, more }: { posts: Post[]; more: (() => void) | undefined }) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop((box.current?.getBoundingClientRect().top ?? 0) + window.scrollY), [width]);
  const columns = Math.max(2, Math.floor((width + gap) / (190 + gap)));
  const tile = (width - gap * (columns - 1)) / columns;
  const rows = useWindowVirtualizer({ count: Math.ceil(posts.length / columns), estimateSize: () => tile + caption + gap, overscan: 2, scrollMargin: top, enabled: width > 0 });
  useEffect(() => rows.measure(), [tile, rows]);
  const shown = rows.getVirtualItems();
  const last = shown[shown.length - 1]?.index ?? 0;
  useEffect(() => {
    if (more && (last + 3) * columns >= posts.length) more();
  }, [last, columns, posts.length, more]);
  return (
    <div ref={ref}>
    <div ref={box} style={{ position: 'relative', height: rows.getTotalSize() }} data-testid="grid">
      {width > 0 &&
        shown.map((row) => (
          <SimpleGrid key={row.key} cols={columns} spacing={gap} style={{ position: 'absolute', top: 0, left: 0, right: 0, height: row.size - gap, transform: `translateY(${row.start - top}px)` }}>
            {posts.slice(row.index * columns, (row.index + 1) * columns).map((p) => (
              <Tile key={p.id} post={p} size={tile} />
            ))}
          </SimpleGrid>
        ))}
    </div>
    </div>
  );
}

function Tile({ post, size }: { post: Post; size: number }) {
  const values = [...new Set((post.attributes ?? []).filter((a) => attributes.includes(a.name)).sort((a, b) => attributes.indexOf(a.name) - attributes.indexOf(b.name)).map((a) => a.value))].slice(0, 4).join(' · ');
  const images = post.images?.length ?? 0;
  return (
    <Link to="/post/$id" params={{ id: post.id }} className="tile">
      <div className="tile-picture" style={{ height: size }}>
        {images > 0 ? <PostImage post={post.id} of={images} alt="" blur={post.flags?.includes('adult')} /> : <span>no picture</span>}
      </div>
      <div style={{ padding: '6px 10px' }}>
        <Text size="sm" fw={600} truncate>
          {values || post.text || '–'}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {post.source} · {date(post.created_at)}
        </Text>
      </div>
    </Link>
  );
}
