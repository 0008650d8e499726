// Goal: a recording that is handed on holds no secret, and no name or address where that was asked.
import t from 'tap'
import type { RawValue } from '../../server/model/raw.ts'
import { BLANK, createBlanker } from '../../server/snmp/recording-blank.ts'

const text = (value: string): RawValue => ({
  type: 'octets',
  value: Uint8Array.from(Buffer.from(value, 'latin1')),
})
const bytes = (...values: number[]): RawValue => ({
  type: 'octets',
  value: Uint8Array.from(values),
})

t.test('secrets never leave', async t => {
  for (const names of [false, true]) {
    const { clean, counters } = createBlanker({ secrets: ['campus-ro', ''], names })
    const secret = (oid: string, value: RawValue) => t.equal(clean({ oid, value }), null, oid)
    secret('1.3.6.1.6.3.18.1.1.1.2.97', text('other'))
    secret('1.3.6.1.6.3.12.1.3.1.4.1', text('target'))
    secret('1.3.6.1.6.3.15.1.2.2.1.3.1', text('user'))
    secret('1.3.6.1.6.3.16.1.2.1.3.2.97', text('group'))
    secret('1.3.6.1.2.1.16.9.1.1.4.1', text('event'))
    secret('1.3.6.1.4.1.99999.7.0', text('campus-ro'))
    const engine = { oid: '1.3.6.1.6.3.10.2.1.3.0', value: text('5') }
    t.same(clean(engine), engine, 'the engine time is no secret')
    t.equal(counters.leftOut, 6)
    const command = clean({ oid: '1.3.6.1.2.1.25.4.2.1.5.9', value: text('-c campus-ro sw1') })
    t.same(command?.value, text(`-c ${BLANK} sw1`), 'part of a command line')
  }
})

t.test('names and addresses stay unless asked', async t => {
  const { clean } = createBlanker({ secrets: [], names: false })
  for (const varbind of [
    { oid: '1.3.6.1.2.1.1.5.0', value: text('core-1') },
    { oid: '1.3.6.1.2.1.2.2.1.6.1', value: bytes(0, 1, 2, 3, 4, 5) },
  ]) {
    t.equal(clean(varbind), varbind)
  }
})

t.test('names and addresses, blanked', async t => {
  const { clean, counters } = createBlanker({ secrets: [], names: true })
  const said = (oid: string, value: RawValue) => {
    const cleaned = clean({ oid, value })?.value
    return cleaned?.type === 'octets' ? Buffer.from(cleaned.value).toString('latin1') : cleaned
  }
  t.equal(said('1.3.6.1.2.1.1.1.0', text('Switch, Version 15.2.4.7')), 'Switch, Version 15.2.4.7')
  t.equal(said('1.3.6.1.2.1.1.4.0', text('ops@example.com')), BLANK)
  t.equal(said('1.3.6.1.2.1.1.5.0', text('core-1')), BLANK)
  t.equal(said('1.3.6.1.2.1.1.6.0', text('')), '', 'nothing to blank')
  t.equal(said('1.3.6.1.2.1.31.1.1.1.18.1', text('to Paris')), BLANK)
  t.equal(said('1.3.6.1.4.1.9.1.0', text('stack of core-1 up')), `stack of ${BLANK} up`)
  t.equal(
    said('1.3.6.1.4.1.9.2.0', text('peer 10.1.2.3 (00:1a:2b:3c:4d:5e) via 10.1.2.3')),
    'peer 192.0.2.2 (00:1a:2b:00:00:00) via 192.0.2.2',
  )
  t.same(said('1.3.6.1.4.1.9.3.0', { type: 'ip', value: '10.1.2.3' }), {
    type: 'ip',
    value: '192.0.2.2',
  })
  t.same(said('1.3.6.1.4.1.9.4.0', { type: 'ip', value: '255.255.255.0' }), {
    type: 'ip',
    value: '255.255.255.0',
  })
  t.same(
    clean({ oid: '1.3.6.1.2.1.2.2.1.6.1', value: bytes(0, 0x1a, 0x2b, 0xff, 0xff, 0xff) })?.value,
    bytes(0, 0x1a, 0x2b, 0, 0, 2),
  )
  t.equal(said('1.3.6.1.2.1.31.1.1.1.1.1', text('Gi1/01')), 'Gi1/01', 'six letters are no MAC')
  for (const oid of [
    '1.3.6.1.2.1.4.20.1.1.10.1.2.3',
    '1.3.6.1.2.1.17.4.3.1.1.0.1',
    '1.0.8802.1.1.2.1.4.1.1.9.1',
  ]) {
    t.equal(clean({ oid, value: text('x') }), null, oid)
  }
  t.equal(counters.leftOut, 3)
  t.equal(counters.blanked, 7)
})
