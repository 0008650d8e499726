// Goal: what a person writes as ranges becomes exactly those addresses, and what is no range, or too
// much of one, is refused in words before it costs anything.

import t from 'tap'
import { addressesMax, addressesOf } from '../../server/devices/ranges.ts'
import { AppError } from '../../server/model/errors.ts'

const problem = (text: string): string => {
  try {
    return `no error, ${addressesOf(text).length} addresses`
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'E_RANGE') throw error
    return error.errors.map(({ message }) => message).join('; ')
  }
}

t.test('networks, addresses, from-to', async t => {
  t.same(addressesOf('192.0.2.9'), ['192.0.2.9'])
  t.same(addressesOf('192.0.2.0/30'), ['192.0.2.1', '192.0.2.2'], 'without network and broadcast')
  t.same(addressesOf('192.0.2.2/31'), ['192.0.2.2', '192.0.2.3'], 'RFC 3021: both ends')
  t.same(addressesOf('192.0.2.9/32'), ['192.0.2.9'])
  t.same(addressesOf('192.0.2.77/30'), ['192.0.2.77', '192.0.2.78'], 'host bits do not count')
  t.same(addressesOf('192.0.2.254-192.0.3.1'), [
    '192.0.2.254',
    '192.0.2.255',
    '192.0.3.0',
    '192.0.3.1',
  ])
  t.same(addressesOf('192.0.2.7-9'), ['192.0.2.7', '192.0.2.8', '192.0.2.9'])
  t.same(addressesOf('fd00::fffe/127'), ['fd00::fffe', 'fd00::ffff'])
  t.same(addressesOf('fd00::1-fd00::2'), ['fd00::1', 'fd00::2'])
  t.same(addressesOf('FD00:0:0:0:0:0:0:1'), ['fd00::1'])
  t.same(addressesOf('192.0.2.7, 192.0.2.6-7\n192.0.2.7;192.0.2.8'), [
    '192.0.2.7',
    '192.0.2.6',
    '192.0.2.8',
  ])
})

t.test('as many as may be, and not one more', async t => {
  t.equal(addressesOf('10.0.0.0/20').length, addressesMax - 2)
  t.equal(addressesOf('fd00::/116').length, addressesMax)
  t.match(problem('10.0.0.0/19'), /hold 8190 addresses: at most 4096/)
  t.match(problem('10.0.0.0/20 10.1.0.0-10.1.0.9'), /at most 4096/)
  t.match(problem('::/0'), /hold 340282366920938463463374607431768211456 addresses/)
  t.match(problem('0.0.0.0/0'), /at most 4096/)
  t.match(problem(Array.from({ length: 65 }, (_, i) => `10.0.0.${i}`).join(' ')), /more than 64/)
  t.match(problem(`10.0.0.1 ${' '.repeat(5000)}`), /more than 64/)
})

t.test('what is no range', async t => {
  for (const text of [
    '192.0.2.0/33',
    'fd00::/129',
    '192.0.2.256',
    '192.0.2',
    '192.0.2.9-7',
    '192.0.2.1-fd00::2',
    '192.0.2.1-2-3',
    '192.0.2.1-',
    '192.0.2.0/-1',
    '192.0.2.0/24/8',
    'fe80::1%eth0',
    '::ffff:192.0.2.1',
    'example.org',
    '<script>',
    '010.0.0.1',
    '-',
  ])
    t.match(problem(text), /^have no range in/, text)
  t.match(problem(' \n,'), /are missing/)
  t.match(problem('192.0.2.1 x 192.0.2.2 y'), /"x".*"y"/, 'each is named')
})
