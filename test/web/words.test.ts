// Goal: adding a language is one dictionary, and nothing on a page is said outside it. A made-up third
// language, which puts every text of the English one in brackets, takes the place of French: on each page
// and on each form that is sent wrongly, every sentence is in brackets but for what is data.

import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { SHIPPED_PROFILES_DIR } from '../../server/paths.ts'
import { en } from '../../server/web/languages/en.ts'
import { MESSAGES, type Messages } from '../../server/web/languages/messages.ts'
import { DICTIONARIES } from '../../server/web/languages/say.ts'
import { translate } from '../../server/web/languages/translate.ts'
import { until } from '../parts/find.ts'
import { startTestProgram } from './program.ts'

const SERVER_DIR = path.join(import.meta.dirname, '../../server')
const DEVICE = 'acc-sw-11'
const BY = { name: 'test', address: '' }

function bracketed<T>(value: T): T
function bracketed(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? '' : `⟦${value}⟧`
  if (typeof value === 'function') return (...values: unknown[]) => bracketed(value(...values))
  if (Array.isArray(value)) return value.map(one => bracketed(one))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, bracketed(one)]))
}

const third = bracketed(en)

/** Profiles name what they read in their own language, and commands and settings are no words. */
const DATA = [
  /\((LM-SENSORS-MIB|net-snmp)\)|Sensors of net-snmp hosts|Linux and Unix hosts/g,
  // What an alarm says is kept as it was sent to people.
  /silent is down|silent down|a critical state/g,
  // Which kinds of device there are, as configs write them.
  /snmp, docker, agent, mqtt, check/g,
  // The states and names of IF-MIB.
  /\bif (index|name|descr|alias|type)\b|admin down|Interfaces interface/g,
  /(up|down|testing|unknown|dormant|notPresent|lowerLayerDown)(, |$)/g,
  // Levels of POLLUX_LOG_LEVEL.
  /trace, debug, info, warn, error, fatal, silent/g,
  // What the simulated devices say of themselves.
  /Simulated .*|uplink core( standby)?|noc@\S+|snmp hall 1 access/g,
]

/** Titles, descriptions and states of the shipped profiles, longest first. */
async function profileTexts(): Promise<string[]> {
  const found = new Set<string>()
  const collect = (value: unknown): void => {
    if (typeof value === 'string') found.add(value)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect)
  }
  for (const file of await readdir(SHIPPED_PROFILES_DIR, { recursive: true })) {
    if (!file.endsWith('.json')) continue
    collect(JSON.parse(await readFile(path.join(SHIPPED_PROFILES_DIR, file), 'utf8')))
  }
  return [...found].filter(text => / /.test(text)).sort((a, b) => b.length - a.length)
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

/** What a person reads on a page: texts, and attributes that are read out or shown. */
function readable(html: string): string[] {
  const body = html
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<(script|style|pre|textarea|code|noscript)\b[\s\S]*?<\/\1>/g, '')
    // A word or a number inside a sentence does not end it.
    .replace(/<\/?(b|strong|em|span|time|bdi|a)\b(?![^>]*(title|aria-label)=)[^>]*>/g, '')
  const shown = [...body.matchAll(/ (?:title|aria-label|placeholder|alt)="([^"]*)"/g)]
  return [...body.split(/<[^>]*>/), ...shown.map(([, text = '']) => text)]
    .map(text => text.replace(/&(amp|lt|gt|quot|#39);/g, (whole, name) => ENTITIES[name] ?? whole))
    .map(text => text.replace(/\s+/g, ' ').trim())
    .filter(text => text !== '')
}

function withoutBrackets(text: string): string {
  let rest = text
  for (let before = ''; before !== rest; ) {
    before = rest
    rest = rest.replace(/⟦[^⟦⟧]*⟧/g, '·')
  }
  return rest
}

/** Two small words side by side, outside brackets, are a sentence that nobody translated. */
function unsaid(html: string, data: readonly string[]): string[] {
  return readable(html).filter(text => {
    let rest = withoutBrackets(text)
    for (const pattern of DATA) rest = rest.replace(pattern, '·')
    const isSentence = () => /\p{Ll}{2,} \p{Ll}{2,}/u.test(rest)
    for (const known of data) {
      if (!isSentence()) return false
      rest = rest.replaceAll(known, '·')
    }
    return isSentence()
  })
}

const PAGES = [
  ...['/', '/?wall=1', '/devices', '/devices?q=nothing', '/devices/new', '/devices/import'],
  ...['/devices/views', `/devices/${DEVICE}`, `/devices/${DEVICE}?compare=week`],
  ...[`/devices/${DEVICE}/edit`, `/devices/${DEVICE}/delete`, `/devices/${DEVICE}/why`],
  ...['/devices/silent', '/devices/silent/why', '/containers', '/events', '/events?kind=config'],
  ...['/alarms', '/rules', '/rules/new', '/maintenance', '/notifications', '/profiles'],
  ...['/profiles/if-mib', '/profiles/new', '/settings', '/users', '/tokens', '/audit', '/about'],
  ...[
    '/account',
    '/agents',
    '/discovery',
    '/map',
    '/map/parents',
    '/availability',
    '/forecasts',
    '/settings/backup',
    `/search?q=${DEVICE}`,
    '/search?q=nothing',
  ],
  ...['/nothing', '/devices/nothing', '/rules/nothing', '/alarms/nothing', '/profiles/nothing'],
]

/** Forms, and what is wrong in them. */
const WRONG: [string, Record<string, string>][] = [
  ['/devices', {}],
  ['/devices', { kind: 'snmp', name: 'x', address: '', every: 'often', timeout: '900h' }],
  ['/devices', { kind: 'docker', name: 'y', address: 'http://x', every: '10s' }],
  ['/devices/test', { kind: 'snmp', name: 'x', address: 'no.such.host.invalid', every: '1s' }],
  ['/devices/silent', {}],
  ['/devices/bulk', {}],
  ['/devices/import', { text: '{' }],
  ['/devices/import', { text: 'id,address\nx,\n' }],
  ['/devices/silent/comments', { text: '' }],
  ['/account/password', { current: 'x', next: 'short', again: 'short' }],
  ['/users', { name: '?', role: 'king' }],
  ['/users', { name: 'admin', role: 'viewer' }],
  ['/users/999', {}],
  ['/tokens', { name: '?', role: 'viewer', days: '99999' }],
  ['/tokens/nothing/revoke', {}],
  ['/rules', {}],
  ['/rules', { name: 'x', metric: 'a', role: 'cpu.usage', warning: '>' }],
  ['/maintenance', {}],
  ['/discovery', { ranges: 'x' }],
  ['/discovery', { ranges: '' }],
  ['/discovery/cancel', {}],
  ['/notifications/channels', {}],
  ['/notifications/channels', { kind: 'email', id: '?', name: '' }],
  ['/notifications/routes', {}],
  ['/notifications/heartbeat', { url: 'x' }],
  ['/settings/retention', { kept: 'standard', minutes: 'x' }],
  ['/settings/hourly-rows', { hourly: '-1' }],
  ['/events/kept', { days: 'x' }],
  ['/profiles/save', { id: '?', text: '' }],
  ['/profiles/nothing/delete', {}],
  ['/agents/tokens', { device: 'nothing', expires: '99d' }],
  ['/agents/revoke', { device: 'nothing' }],
  ['/agents/accounts', { username: '?' }],
  ['/map/parents', {}],
]

t.test('pages and refusals in a third language', { timeout: 600_000 }, async t => {
  const french = DICTIONARIES.fr
  DICTIONARIES.fr = third
  t.teardown(() => {
    DICTIONARIES.fr = french
  })
  const test = await startTestProgram(t, { network: true, every: '5s' })
  const { url, program } = test
  await program.devices.create(
    {
      ...{ id: 'silent', kind: 'snmp', address: '127.0.0.1', port: 9, every: '5s', timeout: '1s' },
      ...{ retries: 0, credentials: { version: '2c', community: 'none' } },
    },
    BY,
    'api',
  )
  const { cookie, csrf } = await test.signIn()
  const headers = { cookie, origin: url, 'accept-language': 'fr' }
  const get = async (path: string) => (await fetch(url + path, { headers })).text()
  await until(() => program.devices.status('silent')?.state === 'down', 'a device down')
  const row = await until(
    async () =>
      /href="(\/devices\/[^"]+\/rows\/interface\/[^"]+)"/.exec(
        await get(`/devices/${DEVICE}`),
      )?.[1],
    'a row',
  )
  const table =
    /href="(\/devices\/[^"?]+\/table)[?"]/.exec(await get(`/devices/${DEVICE}`))?.[1] ?? ''
  const data = await profileTexts()

  for (const path of [...PAGES, row, table]) {
    const html = await get(path)
    t.match(html, /⟦/, `${path} speaks it`)
    t.same(unsaid(html, data), [], path)
  }
  for (const [path, fields] of WRONG) {
    const answer = await fetch(url + path, {
      method: 'POST',
      redirect: 'manual',
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ _csrf: csrf, ...fields }),
    })
    const html = await answer.text()
    t.same(unsaid(html, data), [], `${path} ${JSON.stringify(fields)}: ${answer.status}`)
  }
  t.not(unsaid('<p>nobody said this</p>', data).length, 0, 'what nobody said is seen')
  t.same(unsaid('<p>⟦said ⟦by⟧ somebody⟧ &amp; 12</p>', data), [])
})

/** Folders whose errors no page shows: commands, what stops a start, agents, senders, the fleet. */
const UNSEEN =
  /^(cli|backup|export|fleet|store|bus|receive|ingest|compose|profiles|live|sensors|agents|snmp\/mib|docker\/(deploy|ssh|call|logs|lines|transport|errors|engine)|web\/(api|prometheus|live))|^(config|secrets|validate|metrics)\.ts|^model\/(check|mib)|^web\/languages/

/** Texts of errors in a source file, each value in them as `7`. */
function errorTexts(source: string): string[] {
  const literal = String.raw`('(?:[^'\\\n]|\\.)*'|\`[^\`]*\`|"(?:[^"\\\n]|\\.)*")`
  const found = [
    ...source.matchAll(new RegExp(String.raw`new AppError\(\s*'E_\w+',\s*${literal}`, 'g')),
    ...source.matchAll(
      new RegExp(String.raw`new AppError\([^()]*?\bhint: ${literal}[,\s]*\}`, 'g'),
    ),
    ...source.matchAll(new RegExp(String.raw`\bpath[:,][^{}]*?\bmessage: ${literal}`, 'g')),
  ]
  return found
    .map(([, text = '']) =>
      text
        .slice(1, -1)
        .replace(/\$\{[^{}]*\? '([^']*)'[^{}]*\}/g, '$1')
        .replace(/\$\{[^{}]*\}/g, '7')
        .replace(/\\(.)/g, '$1'),
    )
    .filter(text => /\p{L}{2,} \p{L}{2,}/u.test(text) && !text.includes('${'))
}

t.test('errors that pages show are in every language', async t => {
  const files = (await readdir(SERVER_DIR, { recursive: true })).filter(
    file => file.endsWith('.ts') && !UNSEEN.test(file.replaceAll(path.sep, '/')),
  )
  let count = 0
  for (const file of files) {
    for (const text of errorTexts(await readFile(path.join(SERVER_DIR, file), 'utf8'))) {
      count += 1
      t.equal(
        withoutBrackets(translate(third.messages, text)).match(/\p{L}{2,}/u),
        null,
        `${file}: ${text}`,
      )
    }
  }
  t.ok(count > 100, `${count} texts were looked at`)
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
  t.same(errorTexts("new AppError('E_X', `no such ${a} here`, { hint: 'go away' })"), [
    'no such 7 here',
    'go away',
  ])
})

t.test('a message and its values', t => {
  const { messages } = DICTIONARIES.fr
  const says = (text: string, french: string) =>
    t.equal(translate(messages, text), french, text.slice(0, 60))
  says('there is no device "sw-1"', "l'équipement « sw-1 » n'existe pas")
  says('must be >= 7', 'doit être au moins 7')
  says('must be string', 'doit être un texte')
  says('the password is too easy to guess', 'le mot de passe est trop facile à deviner')
  says(
    '"x" is not polled: it is paused: resume it first.',
    "« x » n'est pas interrogé : il est en pause : reprenez-le d'abord.",
  )
  // What is not ours stays to the letter.
  for (const text of [
    '',
    ' ',
    ': ',
    'Interface Gi1/0/1: down',
    '$& $1 {id}',
    '⟦',
    'x'.repeat(5000),
  ]) {
    if (text !== ': ') says(text, text)
  }
  says('there is no device "$& {id} $1"', "l'équipement « $& {id} $1 » n'existe pas")
  says(`there is no device "${'a": '.repeat(600)}"`, `there is no device "${'a": '.repeat(600)}"`)
  t.equal(translate(messages, ': '.repeat(1000)).length > 0, true, 'an end comes')
  t.end()
})

t.test('each message has its values in every language', t => {
  const namesOf = (text: string) => [...text.matchAll(/\{=?\w+\}/g)].map(([name]) => name).sort()
  for (const [language, { messages }] of Object.entries(DICTIONARIES)) {
    const said: Messages = messages
    for (const message of MESSAGES)
      t.same(namesOf(said[message]), namesOf(message), `${language}: ${message}`)
  }
  t.equal(new Set(MESSAGES).size, MESSAGES.length, 'none is there twice')
  t.end()
})
