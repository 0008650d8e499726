// Goal: each channel says what, where, since when, value and limit in the words that its service wants;
// texts of devices are never its markup; and what services do wrong is told by kind, within a time, and
// without a token in any error.

import { createHmac } from 'node:crypto'
import t from 'tap'
import { deliveryPolicy } from '../../server/addresses.ts'
import type { Tools } from '../../server/alarms/notify/channel.ts'
import { CHANNEL_KINDS, channelKindOf } from '../../server/alarms/notify/channels.ts'
import { createOutward, RetryLater } from '../../server/alarms/notify/outward.ts'
import { plainOf, subjectOf } from '../../server/alarms/notify/wording.ts'
import { piecesOf } from '../../server/bus/payload.ts'
import { AppError } from '../../server/model/errors.ts'
import { HOSTILE, item, notice, startReceiver } from './notify-kit.ts'

const published: { topic: string; payload: string }[] = []
const tools: Tools = {
  outward: createOutward(deliveryPolicy(['127.0.0.0/8'])),
  publish: async (topic, payload) => {
    published.push({ topic, payload: Buffer.concat(piecesOf(payload)).toString() })
  },
}
const never = new AbortController().signal
const send = (kind: string, config: object, of = notice(), signal = never) => {
  const channel = channelKindOf(kind)
  if (!channel) throw new Error(`no channel ${kind}`)
  return channel.send(config, of, tools, null, signal)
}
const failureOf = async (sending: Promise<unknown>): Promise<AppError> => {
  const error = await sending.then(
    () => null,
    error => error,
  )
  if (!(error instanceof AppError)) throw new Error(`no failure of ours: ${error}`)
  return error
}
const TOKEN = '123456:AAAAAAAAAAAAAAAAAAAA'

t.test('the words', async t => {
  t.equal(subjectOf(notice()), 'critical: Core switch: the link is down')
  const ports = Array.from({ length: 48 }, (_, i) => item({ row: `Gi1/0/${i + 1}` }))
  t.equal(subjectOf(notice({ items: ports })), 'critical: Core switch: 48 alarms')
  t.equal(
    subjectOf(notice({ kind: 'recovered', items: [item({ kind: 'recovered' })] })),
    'recovered: Core switch: the link is down',
  )
  const text = plainOf(notice({ items: ports, more: 7 }))
  t.match(
    text,
    /\[critical\] Core switch Gi1\/0\/1: the link is down\n {2}down \(limit up\), since 2026-11-22 0\d:\d\d UTC\n {2}https:\/\/wiki\/link\n {2}https:\/\/pollux.example\/alarms\/a1/,
  )
  t.match(text, /and 35 more/)
  t.notMatch(plainOf(notice({ url: null })), /pollux\.example/)
  const hostile = plainOf(notice({ items: [item({ deviceName: HOSTILE })] }))
  t.notMatch(hostile, /\u202e/)
  t.equal(subjectOf(notice({ items: [item({ deviceName: HOSTILE })] })).includes('\n'), false)
})

t.test('each has a title and a help, and each of its fields a label', async t => {
  for (const { kind, title, help, schema, secrets, places } of CHANNEL_KINDS) {
    t.ok(title && help, kind)
    for (const [name, field] of Object.entries(schema.properties)) {
      t.type((field as { title?: string }).title, 'string', `${kind}.${name}`)
    }
    for (const name of [...secrets, ...places]) t.ok(name in schema.properties, `${kind}.${name}`)
  }
})

t.test('webhook: JSON with a signature, the same id at each try', async t => {
  const receiver = await startReceiver(t)
  const { receipt } = await send('webhook', { url: `${receiver.url}/in`, key: 'k' })
  t.equal(receipt, 'answered 200')
  const [heard] = receiver.heard
  const body = JSON.parse(heard?.body ?? '')
  t.match(body, {
    v: 1,
    id: 'n1',
    kind: 'raised',
    severity: 'critical',
    items: [{ device: 'sw-1' }],
  })
  t.equal(heard?.headers['idempotency-key'], 'n1')
  const [, seconds, digest] =
    /^t=(\d+),v1=(\w+)$/.exec(String(heard?.headers['x-pollux-signature'])) ?? []
  t.equal(digest, createHmac('sha256', 'k').update(`${seconds}.${heard?.body}`).digest('hex'))
  await send('webhook', { url: `${receiver.url}/in` })
  t.equal(receiver.heard[1]?.headers['x-pollux-signature'], undefined)
})

t.test('Slack, Teams, Telegram, ntfy: their own form, and no markup of a device', async t => {
  const receiver = await startReceiver(t)
  const of = notice({ items: [item({ deviceName: HOSTILE, text: HOSTILE })] })
  await send('slack', { url: `${receiver.url}/slack` }, of)
  await send('teams', { url: `${receiver.url}/teams` }, of)
  await send('telegram', { token: TOKEN, chat: '-100', api: receiver.url }, of)
  await send('ntfy', { server: receiver.url, topic: 'ops', token: 'tk' }, of)
  const [slack, teams, telegram, ntfy] = receiver.heard.map(one => JSON.parse(one.body))
  const slackText = JSON.stringify(slack)
  t.match(slackText, /&lt;@U1/)
  t.notMatch(slackText, /<@U1|<img/)
  t.match(slackText, /<https:\/\/pollux\.example\/alarms\/a1\|/)
  const [title] = teams.attachments[0].content.body
  t.match(title.text, /\\\[l\\\]\\\(http/)
  t.equal(title.color, 'attention')
  t.same([telegram.chat_id, telegram.parse_mode], ['-100', undefined])
  t.ok(telegram.text.length <= 4096)
  t.equal(receiver.heard[2]?.path, `/bot${TOKEN}/sendMessage`)
  t.match(ntfy, { topic: 'ops', priority: 5, click: 'https://pollux.example/alarms/a1' })
  t.equal(receiver.heard[3]?.headers.authorization, 'Bearer tk')
  const many = notice({
    items: Array.from({ length: 100 }, () => item({ deviceName: 'x'.repeat(200) })),
    more: 900,
  })
  await send('ntfy', { server: receiver.url, topic: 'ops' }, many)
  await send('telegram', { token: TOKEN, chat: '@ops', api: receiver.url }, many)
  await send('slack', { url: `${receiver.url}/slack` }, many)
  const [big, long, blocks] = receiver.heard.slice(4).map(one => JSON.parse(one.body))
  t.ok(Buffer.byteLength(big.message) <= 4096)
  t.ok(long.text.length <= 4096)
  t.ok(blocks.blocks.length <= 50)
  t.ok(blocks.blocks.every((one: { text: { text: string } }) => one.text.text.length <= 3000))
})

t.test('MQTT: below the notices of the site', async t => {
  await send('mqtt', { topic: 'siren' })
  t.match(published[0], { topic: 'siren' })
  t.match(JSON.parse(published[0]?.payload ?? ''), { kind: 'raised', severity: 'critical' })
})

t.test('a config that is none', async t => {
  for (const [kind, config] of [
    ['webhook', { url: 'ftp://x' }],
    ['webhook', { url: 'javascript:alert(1)' }],
    ['telegram', { token: '../../x', chat: '1' }],
    ['telegram', { token: TOKEN, chat: '1&x=2' }],
    ['ntfy', { server: 'https://x', topic: '../admin' }],
    ['mqtt', { topic: '#' }],
    ['mqtt', { topic: 'a/b' }],
    ['email', { host: 'x', port: 25, security: 'none', from: 'a@b', to: ['x\r\nBcc: y@z'] }],
    ['slack', { url: 'https://x', more: 1 }],
  ] as const) {
    t.equal((await failureOf(send(kind, config))).code, 'E_CHANNEL', JSON.stringify(config))
  }
})

t.test('what services do wrong', async t => {
  const receiver = await startReceiver(t)
  const slack = (signal?: AbortSignal) =>
    send('slack', { url: `${receiver.url}/T0/SECRETPATH` }, notice(), signal)
  const cases: [what: string, status: number, headers: object, passing: boolean, code: string][] = [
    ['down', 500, {}, true, 'E_NOTIFY_BUSY'],
    ['gone', 404, {}, false, 'E_NOTIFY_REFUSED'],
    ['no rights', 403, {}, false, 'E_NOTIFY_REFUSED'],
    [
      'a redirect to an inner address',
      302,
      { location: 'http://169.254.169.254/x' },
      false,
      'E_NOTIFY_REDIRECT',
    ],
    ['a redirect to itself', 307, { location: '/again' }, false, 'E_NOTIFY_REDIRECT'],
  ]
  for (const [what, status, headers, passing, code] of cases) {
    receiver.answer = response => response.writeHead(status, { ...headers }).end('<b>no\u202e</b>')
    const error = await failureOf(slack())
    t.match({ code: error.code, passing: error.passing }, { code, passing }, what)
    t.notMatch(`${error.message} ${error.hint}`, /SECRETPATH|\u202e/, what)
  }
  t.equal(receiver.heard.length, cases.length, 'no redirect was followed')
  receiver.answer = response => response.writeHead(429, { 'retry-after': '120' }).end()
  const slow = await failureOf(slack())
  t.ok(slow instanceof RetryLater)
  t.equal(slow instanceof RetryLater && slow.retryAfterMs, 120_000)
  receiver.answer = response => response.writeHead(503, { 'retry-after': '999999999' }).end()
  const far = await failureOf(slack())
  t.equal(far instanceof RetryLater && far.retryAfterMs, 3_600_000, 'an hour at most')
  // It takes the request and says nothing; it says "200" and never ends.
  receiver.answer = () => undefined
  t.match(await slack(AbortSignal.timeout(300)).catch(error => error), { name: 'TimeoutError' })
  receiver.answer = response => {
    const more = () => {
      if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(more))
    }
    more()
  }
  t.equal((await slack()).receipt, 'Slack took it', 'an answer without an end is not read to it')
  receiver.answer = response => response.destroy()
  t.match(await failureOf(slack()), { code: 'E_NOTIFY_NETWORK', passing: true })
})

t.test('no address of this machine or its link, by whatever name', async t => {
  const receiver = await startReceiver(t)
  const names: Record<string, readonly { address: string }[]> = {
    'rebind.example': [{ address: '203.0.113.5' }, { address: '127.0.0.1' }],
    'inner.example': [{ address: '169.254.169.254' }],
    'mapped.example': [{ address: '::ffff:127.0.0.1' }],
  }
  const policy = deliveryPolicy([], async host => names[host] ?? [])
  const outward = createOutward(policy)
  for (const host of [
    '127.0.0.1',
    '127.1.2.3',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[fe80::1]',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '2130706433',
    '0x7f.1',
    ...Object.keys(names),
  ]) {
    const error = await failureOf(outward({ url: `http://${host}:${receiver.port}/` }, never))
    t.equal(error.code, 'E_ADDRESS_REFUSED', host)
    t.equal(error.passing, false)
  }
  t.equal(receiver.heard.length, 0)
  t.equal(await policy.resolve('10.1.2.3'), '10.1.2.3', 'a chat server in the own network')
  const unknown = await failureOf(outward({ url: 'http://nowhere.example/' }, never))
  t.match(unknown, { code: 'E_ADDRESS_UNKNOWN', passing: true })
})
