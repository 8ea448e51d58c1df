import type { Role } from '../api/client';

/** What the navigation shows, with the least role that a page is for. */
export const sections: { to: string; label: string; role: Role }[] = [
  { to: '/', label: 'Overview', role: 'viewer' },
  { to: '/explore', label: 'Explore', role: 'viewer' },
  { to: '/trends', label: 'Trends', role: 'viewer' },
  { to: '/label', label: 'Label', role: 'labeler' },
  { to: '/quality', label: 'Labelers’ work', role: 'analyst' },
  { to: '/campaigns', label: 'Campaigns', role: 'viewer' },
  { to: '/profiles', label: 'Profiles', role: 'viewer' },
  { to: '/sources', label: 'Sources', role: 'viewer' },
  { to: '/runs', label: 'Failed runs', role: 'analyst' },
  { to: '/settings', label: 'Settings', role: 'viewer' },
];
