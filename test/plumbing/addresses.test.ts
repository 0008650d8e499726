// Which addresses may be polled: private networks and those that were named, and no way around.
import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'

const noLookup = async () => []

t.test('private networks are allowed, all else is not', async t => {
  const policy = addressPolicy([], noLookup)
  for (const address of ['10.1.2.3', '172.16.0.1', '192.168.1.1', 'fd00::1', '[fd00::1]']) {
    t.equal(await policy.resolve(address), address.replace(/[[\]]/g, ''))
  }
  for (const address of [
    '127.0.0.1',
    '::1',
    '0.0.0.0',
    '169.254.169.254',
    '8.8.8.8',
    'fe80::1',
    '224.0.0.1',
    '255.255.255.255',
    '::ffff:10.0.0.1',
  ]) {
    await t.rejects(
      policy.resolve(address),
      { code: 'E_ADDRESS_REFUSED', hint: /POLLUX_ALLOW_NETWORKS/ },
      address,
    )
  }
})

t.test('odd ways to write an address are host names, which do not resolve', async t => {
  const policy = addressPolicy([], async () => {
    throw new Error('ENOTFOUND')
  })
  for (const odd of ['2130706433', '0x7f.1', '0177.0.0.1', 'no-such-host.invalid']) {
    await t.rejects(policy.resolve(odd), { code: 'E_ADDRESS_UNKNOWN', passing: true }, odd)
  }
})

t.test('a name is refused when any of its addresses is', async t => {
  const policy = addressPolicy([], async () => [{ address: '10.0.0.1' }, { address: '127.0.0.1' }])
  await t.rejects(policy.resolve('two-faced.example'), { code: 'E_ADDRESS_REFUSED' })
})

t.test('a name resolves to the address that was checked', async t => {
  let lookups = 0
  const policy = addressPolicy([], async () => {
    lookups++
    return [{ address: '10.0.0.9' }]
  })
  t.equal(await policy.resolve('sw.example'), '10.0.0.9')
  t.equal(lookups, 1)
})

t.test('named networks are added, wrong ones refused', async t => {
  t.equal(await addressPolicy(['127.0.0.0/8'], noLookup).resolve('127.0.0.1'), '127.0.0.1')
  t.equal(await addressPolicy(['192.0.2.7'], noLookup).resolve('192.0.2.7'), '192.0.2.7')
  t.throws(() => addressPolicy(['10.0.0.0/33']), { code: 'E_NETWORK' })
  t.throws(() => addressPolicy(['everything']), { code: 'E_NETWORK' })
})
