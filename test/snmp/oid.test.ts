// Goal: OIDs are ordered by sub-identifiers as numbers, and only real ones are let out.
import t from 'tap'
import { compareOids, indexUnder, isOid } from '../../server/snmp/oid.ts'

t.test('order', async t => {
  t.ok(compareOids('1.3.6.1.2', '1.3.6.1.10') < 0)
  t.ok(compareOids('1.3.6.1.10', '1.3.6.1.2') > 0)
  t.ok(compareOids('1.3.6.1', '1.3.6.1.0') < 0, 'a prefix comes first')
  t.ok(compareOids('1.3.6.1.0', '1.3.6.1') > 0)
  t.equal(compareOids('1.3.6.1.4294967295', '1.3.6.1.4294967295'), 0)
})

t.test('belonging', async t => {
  t.equal(indexUnder('1.3.6.1.2.1.2.2.1.2', '1.3.6.1.2.1.2.2.1.2.10101'), '10101')
  t.equal(indexUnder('1.3.6.1.2.1.2.2.1.2', '1.3.6.1.2.1.2.2.1.2.1.2'), '1.2')
  t.equal(indexUnder('1.3.6.1.2.1.2.2.1.2', '1.3.6.1.2.1.2.2.1.20.1'), null, 'another column')
  t.equal(indexUnder('1.3.6.1.2.1.2.2.1.2', '1.3.6.1.2.1.2.2.1.2'), null, 'not itself')
})

t.test('what is an OID', async t => {
  for (const oid of ['1.3', '1.3.6.1.4.1.4294967295', '0.0', '2.9.9']) t.ok(isOid(oid), oid)
  for (const text of [
    '',
    '1',
    '.1.3',
    '1.3.',
    '1..3',
    '3.1',
    '1.40',
    '1.3.4294967296',
    '1.03',
    '1.3.x',
  ]) {
    t.notOk(isOid(text), text)
  }
})
