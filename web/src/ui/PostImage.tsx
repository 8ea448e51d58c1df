import { useEffect, useState } from 'react';

interface Props {
  post: string;
  n?: number;
  /** How many pictures the post has: when the first is broken, the next is shown. */
  of?: number;
  alt: string;
  blur?: boolean;
  className?: string;
}

export const imagePath = (post: string, n: number) => `/v1/posts/${encodeURIComponent(post)}/images/${n}`;

/** A picture of a post. One that doesn't come is asked for once more, since the API may have been asked too often. */
export function PostImage({ post, n = 0, of = 1, alt, blur, className }: Props) {
  const [tries, setTries] = useState(0);
  const [at, setAt] = useState(n);
  useEffect(() => {
    setTries(0);
    setAt(n);
  }, [post, n]);
  if (at >= n + of) return <span>no picture</span>;
  const failed = () => {
    if (tries === 0) window.setTimeout(() => setTries(1), 1500);
    else {
      setTries(0);
      setAt(at + 1);
    }
  };
  const src = imagePath(post, at) + (tries > 0 ? '#again' : '');
  return <img key={src} src={src} alt={alt} loading="lazy" decoding="async" onError={failed} className={[blur ? 'blurred' : '', className ?? ''].join(' ').trim()} />;
}
