// Every text of the pages in English: the dictionary that the other languages follow. One section a
// page; texts with values are functions. Views read `it.say.<section>.<key>`, handlers `say(request)`.
// `client` goes to the scripts of a page (`words` of public/js/app.js), so it holds plain texts only.

const counted = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`

export const en = {
  language: 'English',

  time: {
    second: 's',
    minute: 'min',
    hour: 'h',
    day: 'd',
    ago: (age: string) => `${age} ago`,
    since: (when: string) => `since ${when}`,
    never: 'never',
  },

  common: {
    close: 'Close',
    devices: (count: number) => counted(count, 'device', 'devices'),
  },

  status: {
    up: 'up',
    degraded: 'degraded',
    down: 'down',
    unknown: 'no data',
    paused: 'paused',
    waiting: 'waiting',
    noSample: 'No sample has come yet',
  },

  gap: {
    timeout: 'The device did not answer in time',
    auth: 'The device refused our credentials',
    unreachable: 'The address could not be reached',
    partial: 'The device answered only a part',
    reset: 'The counter started again',
    'wrap-unsure': 'The counter went back, and whether it wrapped is unsure',
    overrun: 'The read before this one was still running',
    paused: 'Polling was paused',
    'no-such-object': 'The device has no such value',
    decode: 'The answer could not be understood',
    'poller-down': 'Pollux was not polling',
    'device-clock': "The device's clock was wrong",
    first: 'A rate needs two reads',
    range: 'The value was outside its believable range',
    shed: 'Read less often on purpose',
    dropped: 'The sample was lost before it was stored',
  },

  role: {
    admin: 'administrator',
    engineer: 'engineer',
    technician: 'technician',
    viewer: 'viewer',
  },

  layout: {
    skip: 'Skip to content',
    mainNav: 'Main',
    administration: 'Administration',
    signOut: 'Sign out',
    keys: 'Keys',
    offline: 'No connection to Pollux.',
    offlineText: 'What you see may be old. It goes on by itself.',
    unavailable: (parts: string) => `${parts} not available.`,
    unavailableText:
      'What is measured meanwhile waits on disk; values and states shown here may be old.',
    whatIsWrong: 'What is wrong',
  },

  nav: {
    overview: 'Overview',
    devices: 'Devices',
    containers: 'Containers',
    events: 'Events',
    profiles: 'Profiles',
    settings: 'Settings',
    agents: 'Agents',
    users: 'Users',
    tokens: 'API tokens',
    audit: 'Audit log',
    account: 'Account',
  },

  keys: {
    search: 'Search',
    move: 'Next and previous row',
    choose: 'Choose the row',
    open: 'Open it',
    sheet: 'This sheet',
    out: 'Out of a field or a sheet',
  },

  login: {
    title: 'Sign in',
    name: 'Name',
    password: 'Password',
    signIn: 'Sign in',
    wrong: 'Name or password is not right.',
    tooMany: (wait: string) => `Too many tries: wait ${wait} and try again.`,
  },

  client: {
    second: 's',
    minute: 'min',
    hour: 'h',
    day: 'd',
    ago: '{age} ago',
  },
}

export type Dictionary = typeof en
