import { ActionIcon, AppShell, Badge, Burger, Button, Group, Menu, NavLink, ScrollArea, Text, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Suspense, useEffect } from 'react';
import { allows, type Role } from '../api/client';
import { logOut, useMe } from '../api/me';
import { Waiting } from '../ui/States';
import { sections } from './sections';

/** The frame of all pages. It lists what the role may do, and nothing else. */
export function Shell() {
  const [opened, menu] = useDisclosure();
  const me = useMe();
  const path = useRouterState({ select: (s) => s.location.pathname });
  useEffect(() => menu.close(), [path, menu.close]);
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !opened } }} padding="md">
      <a className="skip-link" href="#content">
        To the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={opened} onClick={menu.toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <img src="/app/icon.svg" alt="" width={26} height={26} />
            <Text fw={700}>Weft</Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <SchemeSwitch />
            <User name={me.name} role={me.role} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Pages">
        <ScrollArea>
          {sections
            .filter((s) => allows(me.role, s.role))
            .map((s) => (
              <NavLink key={s.to} component={Link} to={s.to} label={s.label} active={path === s.to || (s.to !== '/' && path.startsWith(s.to + '/'))} aria-current={path === s.to ? 'page' : undefined} variant="light" style={{ borderRadius: 8 }} />
            ))}
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
    </AppShell>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme('light') === 'dark';
  const label = dark ? 'Light colours' : 'Dark colours';
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size="lg" aria-label={label} onClick={() => setColorScheme(dark ? 'light' : 'dark')}>
        <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden="true">
          {dark ? <path d="M12 3v2m0 14v2M5.6 5.6 7 7m10 10 1.4 1.4M3 12h2m14 0h2M5.6 18.4 7 17m10-10 1.4-1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z" /> : <path d="M20 14.5A8.5 8.5 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500Z" />}
        </svg>
      </ActionIcon>
    </Tooltip>
  );
}

function User({ name, role }: { name: string; role: Role }) {
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <Button variant="default" rightSection={<Badge size="sm">{role}</Badge>}>
          {name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to="/settings">
          Settings
        </Menu.Item>
        <Menu.Item component="a" href="/docs/" target="_blank">
          The API
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={() => void logOut()}>Log out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
