// Goal: lists of rows are shared where devices are alike, and a device that has other rows at each
// read costs a bounded amount of memory.
import t from 'tap'
import { SharedLayouts } from '../../server/snmp/layout.ts'

const upTo = (count: number, index = (row: number) => String(row + 1)) =>
  Array.from({ length: count }, (_, row) => index(row))

t.test('the same rows are the same list', async t => {
  const layouts = new SharedLayouts(2 ** 20)
  t.equal(layouts.of(upTo(52)), layouts.of(upTo(52)))
  t.not(layouts.of(upTo(52)), layouts.of(upTo(53)))
  t.equal(layouts.of([]), layouts.of([]))
})

t.test('what is kept has a bound in octets, and the oldest goes first', async t => {
  const octetsMax = 2 ** 20
  const layouts = new SharedLayouts(octetsMax)
  const first = layouts.of(upTo(100))
  t.equal(layouts.of(upTo(100)), first)
  let most = 0
  for (let device = 0; device < 5000; device++) {
    layouts.of(upTo(100, row => `${device}.${row}.4294967295.4294967295.4294967295`))
    most = Math.max(most, layouts.octets)
  }
  t.ok(most <= octetsMax, `${most} octets`)
  t.ok(most > octetsMax / 2, 'and it is made use of')
  const last = upTo(100, row => `4999.${row}.4294967295.4294967295.4294967295`)
  const known = layouts.octets
  layouts.of(last)
  t.equal(layouts.octets, known, 'the newest is kept')
  t.not(layouts.of(upTo(100)), first, 'the oldest is not')
})

t.test('long lists and lists of long indexes are not kept', async t => {
  const layouts = new SharedLayouts(2 ** 24)
  const long = Array.from({ length: 120 }, () => '4294967295').join('.')
  for (const indexes of [upTo(5000), upTo(500, row => `${row}.${long}`)]) {
    const one = layouts.of(indexes)
    t.not(layouts.of([...indexes]), one)
    t.equal(one.indexes.length, indexes.length)
  }
  t.equal(layouts.octets, 0)
})
