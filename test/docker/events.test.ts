// Goal: the stream of events gives what happened, whatever the engine sends: half lines, rubbish,
// lines without end, floods; and begins again where it ended.

import t from 'tap'
import { type ContainerEvent, eventsOf } from '../../server/docker/events.ts'
import { lineBytesMax, linesOf } from '../../server/docker/lines.ts'
import { recreations, rememberedMax, toldEvent } from '../../server/docker/told.ts'
import { watchEvents } from '../../server/docker/watch.ts'
import { DeviceEvent } from '../../server/model/event.ts'
import { checker } from '../../server/validate.ts'
import { until } from '../parts/find.ts'

const isEvent = checker(DeviceEvent)

async function* chunks(...pieces: (string | Buffer)[]) {
  for (const piece of pieces) yield Buffer.from(piece)
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** As the Engine API's reference shows one. */
function line(action: string, attributes: Record<string, string> = {}, second = 1_800_000_000) {
  return `${JSON.stringify({
    Type: 'container',
    Action: action,
    Actor: { ID: 'a'.repeat(64), Attributes: { name: 'web', image: 'nginx:1', ...attributes } },
    scope: 'local',
    time: second,
    timeNano: second * 1e9 + 250_000_000,
  })}\n`
}

t.test('lines', async t => {
  const counters = { dropped: 0 }
  t.same(await all(linesOf(chunks('a', 'b\nc\n\n', 'd\n', 'half'), counters)), ['ab', 'c', 'd'])
  t.equal(counters.dropped, 1, 'half a line at the end is none')
  const long = Buffer.alloc(lineBytesMax + 1, 'x')
  t.same(await all(linesOf(chunks('a\n', long, '\nb\n'), counters)), ['a', 'b'])
  t.equal(counters.dropped, 2, 'a line that is too long is passed over')
  t.same(await all(linesOf(chunks('é\n'.slice(0, 1), '\n'), counters)), ['é'])
  const [first = 0, second = 0] = Buffer.from('é')
  const cut = chunks(Buffer.from([first]), Buffer.from([second, 10]))
  t.same(await all(linesOf(cut, counters)), ['é'], 'a character cut in two')
})

t.test('an endless line, and an endless flood of them', async t => {
  let sent = 0
  async function* flood(block: Buffer) {
    for (;;) {
      sent += block.length
      yield block
    }
  }
  const counters = { dropped: 0 }
  for (const block of [Buffer.alloc(1 << 20, 'x'), Buffer.from('{}\n'.repeat(100_000))]) {
    sent = 0
    const read = async () => {
      for await (const _ of linesOf(flood(block), counters));
    }
    await t.rejects(read(), { code: 'E_DOCKER_TOO_BIG' })
    t.ok(sent < 64 << 20, `${sent} bytes were taken`)
  }
})

t.test('events of containers, and nothing else', async t => {
  const counters = { dropped: 0 }
  const events = await all(
    eventsOf(
      chunks(
        line('start'),
        line('die', { exitCode: '3' }),
        line('exec_create: sh'),
        'not json\n',
        '{"Type":"container","Action":7}\n',
        '[]\nnull\n',
        '{"Type":"network","Action":"connect","Actor":{"ID":"x"}}\n',
        '{"Type":"container","Action":"start"}\n',
        line('rename', { oldName: '/old', name: 'new' }),
        line('health_status: unhealthy'),
        line('die', { containerExitCode: '137' }),
        line('die', { exitCode: 'many' }),
        line('start', {}, 1e300),
      ),
      counters,
    ),
  )
  t.same(
    events.map(e => [e.action, e.name, e.exitCode, e.oldName, e.health]),
    [
      ['start', 'web', null, null, null],
      ['die', 'web', 3, null, null],
      ['rename', 'new', null, 'old', null],
      ['health_status', 'web', null, null, 'unhealthy'],
      ['die', 'web', 137, null, null],
      ['die', 'web', null, null, null],
    ],
  )
  t.equal(counters.dropped, 5, 'what is no event is counted')
  t.equal(events[0]?.atMs, 1_800_000_000_250)
  t.match(events[0]?.since, /^1800000000\.24999\d{4}$/, 'never after it')
})

function event(more: Partial<ContainerEvent> = {}): ContainerEvent {
  return {
    action: 'start',
    id: 'a'.repeat(64),
    name: 'web',
    image: 'nginx:1',
    oldName: null,
    exitCode: null,
    health: null,
    atMs: 1000,
    since: '1.000000000',
    ...more,
  }
}

t.test('what is told of them', async t => {
  const told = (more: Partial<ContainerEvent>) => toldEvent(event(more), 5)
  t.match(told({}), { kind: 'docker', name: 'start', row: 'web', group: 'docker_container', at: 5 })
  t.match(told({ action: 'die', exitCode: 3 }), { severity: 'warning', text: /code 3/ })
  t.match(told({ action: 'die', exitCode: 143 }), { severity: 'info' }, 'docker stop is no fault')
  t.match(told({ action: 'oom' }), { severity: 'critical' })
  t.match(told({ action: 'rename', oldName: 'old' }), {
    name: 'renamed',
    row: 'web',
    text: 'old is now named web',
    fields: { before: 'old', now: 'web' },
  })
  t.match(told({ name: 'a|b%' }).row, 'a%7Cb%25', 'the key that its row has')
  const long = 'x'.repeat(5000)
  const evil = '\u001b[31m<script>\u202e'
  const actions = [
    'create',
    'die',
    'rename',
    'health_status',
    'destroy',
    'pause',
    'unpause',
  ] as const
  for (const action of actions) {
    for (const text of [long, evil, '', '\n']) {
      const names = { name: text, image: text, oldName: text, health: text, id: text }
      const checked = isEvent({ v: 1, ...told({ action, ...names }) })
      t.ok(checked.ok, `${action} of ${JSON.stringify(text.slice(0, 20))} can be sent`)
      t.notMatch(JSON.stringify(checked), /\\u001b|\u202e/)
    }
  }
})

t.test('a container made again', async t => {
  const made = (id: string, digest: string, imageId = digest) => ({
    id,
    image: 'nginx:1',
    imageId,
    digest: `sha256:${digest}`,
  })
  const known = new Map()
  const read = (id: string, digest: string) =>
    recreations(known, new Map([['web', made(id, digest)]]), 7)
  t.same(read('1', 'aa'), [], 'a first sight is no event')
  t.same(read('1', 'aa'), [])
  t.match(read('2', 'bb'), [
    {
      name: 'recreated',
      row: 'web',
      at: 7,
      text: /another image.*aa.*bb/,
      fields: { digest_before: 'sha256:aa', digest: 'sha256:bb', id_before: '1', id: '2' },
    },
  ])
  t.match(read('3', 'bb'), [{ text: /same image/ }])
  t.match(
    recreations(known, new Map([['web', made('3b', 'ee', 'bb')]]), 7),
    [{ text: /same image/, fields: { digest: 'sha256:ee' } }],
    'that a registry knows it by now makes it no other image',
  )
  t.same(recreations(known, new Map(), 8), [], 'gone')
  t.match(read('4', 'cc'), [{ name: 'recreated' }], 'made again after it was gone')
  const many = Array.from(
    { length: rememberedMax + 10 },
    (_, i) => [`c${i}`, made(`${i}`, 'd')] as const,
  )
  recreations(known, new Map(many), 9)
  t.equal(known.size, rememberedMax, 'names are not remembered without end')
})

t.test('the stream begins again from the last event, and nothing comes twice', async t => {
  const begun: (string | null)[] = []
  const seen: string[] = []
  let begins = 0
  const streams = [
    [
      event({ name: 'a', since: '1.000000001' }),
      event({ name: 'b', id: 'b', since: '1.000000001' }),
    ],
    null,
    [
      event({ name: 'a', since: '1.000000001' }),
      event({ name: 'c', since: '2.000000000', atMs: 2000 }),
    ],
  ]
  const watch = watchEvents({
    async begin(since, signal) {
      begun.push(since)
      const stream = streams.shift()
      if (stream === null) throw new Error('refused')
      return endless(stream ?? [], streams.length > 0, signal)
    },
    onEvent: ({ name }) => seen.push(name),
    onBegin: () => begins++,
    retryMs: { min: 1, max: 5 },
  })
  await until(() => seen.length === 3, 'three events')
  t.same(seen, ['a', 'b', 'c'])
  t.same(begun, [null, '1.000000001', '1.000000001'])
  t.equal(begins, 2)
  t.equal(watch.failures, 2)
  t.ok(watch.connected)
  watch.close()
  await until(() => !watch.connected, 'the end')
})

async function* endless(events: ContainerEvent[], ends: boolean, signal: AbortSignal) {
  yield* events
  if (ends) return
  await new Promise(resolve => signal.addEventListener('abort', resolve))
}

t.test('an engine that refuses the stream is asked ever less often', async t => {
  const waits: number[] = []
  let last = 0
  const watch = watchEvents({
    async begin() {
      waits.push(performance.now() - last)
      last = performance.now()
      throw new Error('403')
    },
    onEvent: () => {},
    onBegin: () => t.fail('it never began'),
    retryMs: { min: 10, max: 1_000_000 },
  })
  await until(() => waits.length === 5, 'five tries')
  watch.close()
  const [, , second = 0, , fourth = 0] = waits
  t.ok(fourth > second, 'each wait is longer')
})
