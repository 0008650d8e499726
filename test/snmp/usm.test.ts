// Goal: keys and ciphers of SNMPv3 are those of the RFCs, by their own vectors; snmpd confirms the
// rest in v3.test.ts.
import { createHmac } from 'node:crypto'
import t from 'tap'
import { AUTH_PROTOCOLS } from '../../server/model/device.ts'
import {
  authKey,
  localize,
  privKeyBytes,
  userKey,
  userKeyCount,
} from '../../server/snmp/usm-keys.ts'
import { createPrivacy } from '../../server/snmp/usm-privacy.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const ENGINE = hex('000000000000000000000002')
const PASSWORD = 'maplesyrup'

t.test('password to key to localized key: RFC 3414, A.3', async t => {
  t.same(userKey('md5', PASSWORD), hex('9faf3283884e92834ebc9847d8edd963'))
  t.same(localize('md5', userKey('md5', PASSWORD), ENGINE), hex('526f5eed9fcce26f8964c2930787d82b'))
  t.same(userKey('sha', PASSWORD), hex('9fb5cc0381497b3793528939ff788d5d79145211'))
  t.same(
    localize('sha', userKey('sha', PASSWORD), ENGINE),
    hex('6695febc9288e36282235fc7151f128497b38f3f'),
  )
})

t.test('the digest is that of createHmac, with zeros where it will stand', async t => {
  for (const auth of AUTH_PROTOCOLS) {
    const hash = auth === 'sha' ? 'sha1' : auth
    const key = localize(auth, userKey(auth, PASSWORD), ENGINE)
    const { hmac, macBytes } = authKey(auth, PASSWORD, ENGINE)
    for (const length of [macBytes + 9, 300, 65_507]) {
      const message = Buffer.alloc(length, 0xa5)
      const zeroed = Buffer.from(message).fill(0, 9, 9 + macBytes)
      const expected = createHmac(hash, key).update(zeroed).digest()
      t.same(
        hmac.digest(message, 9, macBytes).subarray(0, key.length),
        expected,
        `${auth}, ${length} octets`,
      )
      t.equal(message[9], 0xa5, 'the message is left as it is')
    }
  }
})

t.test('longer keys', async t => {
  // draft-reeder-snmpv3-usm-3desede-00, B.1.
  t.same(
    privKeyBytes('aes256r', 'md5', PASSWORD, ENGINE),
    hex('526f5eed9fcce26f8964c2930787d82b 79eff44a90650ee0a3a40abfac5acc12'),
  )
  for (const [protocol, length] of [
    ['des', 16],
    ['aes', 16],
    ['aes192b', 24],
    ['aes192r', 24],
    ['aes256b', 32],
    ['aes256r', 32],
  ] as const) {
    for (const auth of ['md5', 'sha', 'sha512'] as const) {
      const key = privKeyBytes(protocol, auth, PASSWORD, ENGINE)
      t.equal(key.length, length, `${protocol} ${auth}`)
      const start = localize(auth, userKey(auth, PASSWORD), ENGINE).subarray(0, length)
      t.same(key.subarray(0, start.length), start, 'begins with the localized key')
    }
  }
  t.not(
    privKeyBytes('aes256b', 'sha', PASSWORD, ENGINE).toString('hex'),
    privKeyBytes('aes256r', 'sha', PASSWORD, ENGINE).toString('hex'),
    'the two ways differ where the hash is shorter than the key',
  )
})

t.test('keys of users are remembered, up to a bound', async t => {
  const [first, again] = [userKey('sha256', 'one password'), userKey('sha256', 'one password')]
  t.equal(first, again)
  t.not(userKey('sha384', 'one password').length, first.length)
  for (let i = 0; i < 1030; i++) userKey('md5', `password ${i}`)
  t.equal(userKeyCount(), 1024)
  t.not(userKey('sha256', 'one password'), first, 'the oldest was forgotten')
  t.same(userKey('sha256', 'one password'), first, 'and is made again')
})

t.test('AES: the vectors of NIST SP 800-38A, F.3.13, F.3.15 and F.3.17', async t => {
  const clear = hex('6bc1bee22e409f96e93d7e117393172a')
  for (const [protocol, key, cipher] of [
    ['aes', '2b7e151628aed2a6abf7158809cf4f3c', '3b3fd92eb72dad20333449f8e83cfb4a'],
    [
      'aes192b',
      '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
      'cdc80d6fddf18cab34c25909c99a4174',
    ],
    [
      'aes256r',
      '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
      'dc7e84bfda79164b7ecd8486985d3860',
    ],
  ] as const) {
    const privacy = createPrivacy(protocol, hex(key))
    // The IV of RFC 3826, 3.1.2.1 is boots, time and salt: here 00 01 … 0f.
    const found = privacy.decrypt(hex(cipher), hex('08090a0b0c0d0e0f'), 0x00010203, 0x04050607)
    t.same(found, clear, protocol)
  }
})

t.test('DES: a known block, with an IV of zeros', async t => {
  const preIv = hex('1122334455667788')
  const privacy = createPrivacy('des', Buffer.concat([hex('133457799bbcdff1'), preIv]))
  t.same(privacy.decrypt(hex('85e813540f0ab405'), preIv, 0, 0), hex('0123456789abcdef'))
})

t.test('what is encrypted comes back, never twice under one salt', async t => {
  const clear = Buffer.from('a scoped PDU of an odd length')
  for (const protocol of ['des', 'aes', 'aes256b'] as const) {
    const key = privKeyBytes(protocol, 'sha', PASSWORD, ENGINE)
    const privacy = createPrivacy(protocol, key)
    const [one, two] = [privacy.encrypt(clear, 7, 9), privacy.encrypt(clear, 7, 9)]
    t.notSame(one.salt, two.salt, protocol)
    t.notSame(one.data, two.data)
    for (const { data, salt } of [one, two]) {
      const back = privacy.decrypt(data, salt, 7, 9)
      t.same(back?.subarray(0, clear.length), clear)
    }
    const other = createPrivacy(protocol, key).encrypt(clear, 7, 9)
    t.notSame(other.salt, one.salt, 'another start after a restart')
    t.equal(privacy.decrypt(one.data, Buffer.alloc(7), 7, 9), null, 'a salt of 7 octets')
  }
  const des = createPrivacy('des', privKeyBytes('des', 'sha', PASSWORD, ENGINE))
  t.equal(des.decrypt(Buffer.alloc(15), Buffer.alloc(8), 0, 0), null, 'half a block')
})
