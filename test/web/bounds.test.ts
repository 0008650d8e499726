// Goal: lists and logs that a page or an export gives are bounded in bytes as in lines, go on where they
// were cut, and no more logs are read at once than engines can bear.

import t from 'tap'
import type { Device } from '../../server/model/device.ts'
import type { EventQuery, StoredEvent } from '../../server/store/contract.ts'
import { eventLines, lineStep } from '../../server/web/api/event-lines.ts'
import { createStill, type LogTarget } from '../../server/web/container-log.ts'
import { eventLine, fitting } from '../../server/web/event-list.ts'

const BY = { name: 'test', address: '' }

function events(count: number, chars: number): StoredEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ id: `${count - i}-a`, at: count - i, kind: 'syslog', severity: 'info', name: 'line' },
    ...{ deviceUid: 1, device: 'sw-1', isDeleted: false },
    text: `${i} ${'x'.repeat(chars)}`,
  }))
}

async function exported(all: StoredEvent[], limits?: { lines: number; bytes: number }) {
  const list = async ({ before }: EventQuery) => {
    const from = all.findIndex(({ id }) => id === before) + 1
    return all.slice(from, from + lineStep)
  }
  const options = { query: {}, list, lineOf: ({ id, text }: StoredEvent) => ({ id, text }) }
  const lines = eventLines({
    ...options,
    first: all.slice(0, lineStep),
    ...(limits && { limits }),
  })
  let text = ''
  for await (const some of lines) text += some
  return text
}

t.test('an export ends at its lines or its bytes, after a whole line', async t => {
  const all = events(3 * lineStep + 7, 100)
  const parsed = (text: string) =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line).id)
  const ids = all.map(({ id }) => id)
  t.same(parsed(await exported(all)), ids, 'all of them')
  t.same(parsed(await exported(all, { lines: 1200, bytes: 2 ** 30 })), ids.slice(0, 1200))
  const cut = await exported(all, { lines: 1e6, bytes: 100_000 })
  t.ok(Buffer.byteLength(cut) <= 100_000)
  const some = parsed(cut)
  t.same(some, ids.slice(0, some.length))
  t.ok(some.length > 500)
  t.equal(await exported(all, { lines: 1e6, bytes: 10 }), '')
  t.equal(await exported([]), '')
})

t.test('a page of events ends before it is too large, but holds one', async t => {
  const lines = events(100, 1000).map(eventLine)
  t.equal(fitting(lines).length, 100)
  const some = fitting(lines, 10_000)
  t.equal(some.length, 9)
  t.same(some, lines.slice(0, 9))
  t.equal(fitting(lines, 1).length, 1)
  t.same(fitting([], 1), [])
  const fields = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`f${i}`, 'y'.repeat(300)]),
  )
  const wide = events(100, 1).map(event => eventLine({ ...event, fields }))
  t.ok(fitting(wide).length < 100, 'fields count too')
})

t.test('five logs are read at once', async t => {
  const asked: (() => void)[] = []
  const target = {
    ...{ container: 'c', name: 'c', device: { config: { id: 'engine' } } as Device },
    logs: {
      async open() {
        await new Promise<void>(resolve => asked.push(resolve))
        return (async function* () {
          yield [{ stream: 'stdout' as const, at: null, text: 'a line', isCut: false }]
        })()
      },
      async record() {},
    },
  } satisfies LogTarget
  const still = createStill()
  const five = Array.from({ length: 5 }, () => still(target, BY, 60_000))
  t.equal(asked.length, 5)
  await t.rejects(still(target, BY, 60_000), { code: 'E_LOGS_BUSY', passing: true })
  t.equal(asked.length, 5, 'no engine was asked for the sixth')
  for (const answer of asked) answer()
  for (const lines of await Promise.all(five)) t.match(lines, [{ text: 'a line' }])
  const next = still(target, BY, 60_000)
  asked.at(-1)?.()
  t.match(await next, [{ text: 'a line' }])
})
