// Goal: an id stands for one message only, and is not given out again soon.
import t from 'tap'
import { Slots, slotsMax } from '../../server/snmp/slots.ts'

t.test('an id is 4 octets of INTEGER, and is its owner’s while it is on the way', async t => {
  const slots = new Slots<string>()
  const slot = slots.take('one', -1, 5)
  const id = slots.idOf(slot)
  t.ok(id >= 0x4000_0000 && id <= 0x7fff_ffff)
  t.equal(slots.ownerOf(id), 'one')
  t.equal(slots.sentAt(id), 5)
  t.equal(slots.ownerOf(id ^ 0x4000), null, 'another generation')
  slots.release(slot, true)
  t.equal(slots.ownerOf(id), null)
  t.equal(slots.gone(id), 'answered')
  t.equal(slots.gone(id ^ 0x8000), 'never')
})

t.test('all tries of one owner end together', async t => {
  const slots = new Slots<string>()
  const first = slots.take('one', -1, 0)
  const second = slots.take('one', first, 0)
  const ids = [slots.idOf(first), slots.idOf(second)]
  slots.release(second, false)
  t.same(
    ids.map(id => [slots.ownerOf(id), slots.gone(id)]),
    [
      [null, 'ended'],
      [null, 'ended'],
    ],
  )
})

t.test('one quiet device uses all slots in turn, so that no id comes again soon', async t => {
  const slots = new Slots<string>()
  const seen = new Set<number>()
  const used = new Set<number>()
  for (let i = 0; i < 4 * slotsMax; i++) {
    const slot = slots.take('one', -1, 0)
    seen.add(slots.idOf(slot))
    if (i < slotsMax) used.add(slot)
    slots.release(slot, true)
  }
  t.equal(used.size, slotsMax)
  t.equal(seen.size, 4 * slotsMax)
})

t.test('when all are taken there is none, until one is free again', async t => {
  const slots = new Slots<number>()
  const taken = Array.from({ length: slotsMax }, (_, i) => slots.take(i, -1, 0))
  t.equal(new Set(taken).size, slotsMax)
  t.equal(slots.take(0, -1, 0), -1)
  slots.release(taken[77] ?? -1, false)
  t.equal(slots.take(0, -1, 0), taken[77])
  t.equal(slots.take(0, -1, 0), -1)
})
