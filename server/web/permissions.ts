// What each permission means, in words for people: the table of roles on the users page.

import type { Permission } from '../model/user.ts'

export const PERMISSION_TEXT: Readonly<Record<Permission, string>> = {
  public: 'sign in',
  self: 'see and change the own account',
  'devices.read': 'see devices, their values and charts',
  'devices.poll': 'read a device now',
  'devices.write': 'add, edit, pause and delete devices',
  'containers.logs': 'read the logs of containers',
  'events.comment': 'write comments on devices',
  'profiles.read': 'see profiles',
  'profiles.write': 'change profiles',
  'users.write': 'manage users',
  'tokens.write': 'make and revoke API tokens',
  'audit.read': 'read the audit log',
  'agents.read': 'see the agents of hosts',
  'agents.write': 'let hosts enrol, and revoke their agents',
  'settings.read': 'see settings and the state of the parts',
  'settings.write': 'change settings',
}
