// Goal: only what is heavy is left out, as often as the factor says, with a gap at each turn.

import t from 'tap'
import { createShedding } from '../../server/collectors/shedding.ts'
import type { GroupReading } from '../../server/model/raw.ts'
import { tableOf } from '../../server/model/rawtable.ts'

const MINUTE = 60_000
const AT = 1_795_320_000_000

const request = (group: string, table = true) => ({ group, table, sources: ['1.1'], rowsMax: 1000 })

/** What reads brought: rows × columns by group. */
function read(
  sizes: Record<string, readonly [rows: number, columns: number]>,
): Map<string, GroupReading> {
  const made = Object.entries(sizes).map(([group, [rows, columns]]) => {
    const indexes = Array.from({ length: rows }, (_, i) => String(i + 1))
    const names = Array.from({ length: columns }, (_, i) => `1.${i}`)
    const table = tableOf(indexes, new Map(names.map(name => [name, new Map()])))
    return [group, { table, partial: false }] as const
  })
  return new Map(made)
}

const due = [request('system', false), request('interface'), request('sensor'), request('slow')]
const sizes = { system: [1, 900], interface: [52, 11], sensor: [20, 3], slow: [100, 2] } as const
const everyMinute = () => MINUTE

t.test('nothing is left out while all is well, nor before the sizes are known', async t => {
  const shedding = createShedding(MINUTE)
  t.same(shedding.choose(due, AT, 8, everyMinute), {
    at: AT,
    requests: due,
    shed: [],
    gaps: [],
    heavy: false,
  })
  shedding.learn(due, read({ ...sizes, interface: [52, 11] }))
  for (let i = 1; i < 5; i++) {
    const chosen = shedding.choose(due, AT + i * MINUTE, 1, everyMinute)
    t.match(chosen, { requests: due, shed: [], heavy: true })
  }
})

t.test(
  'factor 4: every fourth read has the heavy table, the others a gap; scalars always',
  async t => {
    const shedding = createShedding(MINUTE)
    shedding.learn(due, read({ ...sizes, slow: [1, 1], interface: [52, 11] }))
    const seen = Array.from({ length: 12 }, (_, i) => {
      const { requests, shed, gaps, heavy } = shedding.choose(due, AT + i * MINUTE, 4, everyMinute)
      t.same(shed, gaps)
      t.equal(requests.length + shed.length, due.length)
      t.ok(requests.some(({ group }) => group === 'system'))
      t.ok(
        requests.some(({ group }) => group === 'sensor'),
        'a small table is no burden',
      )
      t.equal(heavy, shed.length === 0)
      return shed.join()
    })
    const four = ['', 'interface', 'interface', 'interface']
    t.same(seen, [...four, ...four, ...four])
  },
)

t.test('a table with a slower pace of its own: times the factor, one gap a turn', async t => {
  const shedding = createShedding(MINUTE)
  const slow = [request('slow')]
  const periodOf = () => 5 * MINUTE
  shedding.learn(slow, read({ slow: [500, 4] }))
  const reads: number[] = []
  const gaps: number[] = []
  // It stays due until it is read.
  let readAt = Number.NEGATIVE_INFINITY
  for (let i = 0; i < 60; i++) {
    if (i - readAt < 5) continue
    const chosen = shedding.choose(slow, AT + i * MINUTE, 2, periodOf)
    if (chosen.requests.length > 0) {
      readAt = i
      reads.push(i)
    }
    if (chosen.gaps.length > 0) gaps.push(i)
  }
  t.same(reads, [0, 10, 20, 30, 40, 50])
  t.same(gaps, [5, 15, 25, 35, 45, 55])
})

t.test('a small device has nothing heavy; a part of a table tells no size', async t => {
  const shedding = createShedding(MINUTE)
  shedding.learn(due, read({ interface: [8, 11], sensor: [20, 3] }))
  t.equal(shedding.choose(due, AT, 8, everyMinute).heavy, false)
  const part = read({ interface: [500, 11] })
  for (const group of part.values()) group.partial = true
  shedding.learn(due, part)
  t.equal(shedding.choose(due, AT + MINUTE, 8, everyMinute).heavy, false)
})

t.test('a clock set back: what seems to have been read in the future is read', async t => {
  const shedding = createShedding(MINUTE)
  shedding.learn(due, read({ interface: [52, 11] }))
  shedding.choose(due, AT, 8, everyMinute)
  t.same(shedding.choose(due, AT - 3_600_000, 8, everyMinute).shed, [])
})
