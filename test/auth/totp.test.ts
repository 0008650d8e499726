// Codes are those of RFC 6238; what is typed wrongly, late or a second time is none.
import t from 'tap'
import { base32, codeAt, keyUri, stepOf } from '../../server/auth/totp.ts'

/** RFC 6238, appendix B: the key of its SHA-1 rows; its codes have eight digits, ours the last six. */
const KEY = Buffer.from('12345678901234567890')

t.test('the codes of RFC 6238, appendix B', async t => {
  for (const [seconds, code] of [
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ] as const) {
    t.equal(codeAt(KEY, Math.floor(seconds / 30)), code.slice(2), String(seconds))
  }
})

t.test('a code counts in its own step and in the ones beside it', async t => {
  const now = 1_111_111_111_000
  const step = Math.floor(now / 30_000)
  for (const beside of [-1, 0, 1])
    t.equal(stepOf(KEY, codeAt(KEY, step + beside), now), step + beside)
  for (const beside of [-2, 2]) t.equal(stepOf(KEY, codeAt(KEY, step + beside), now), null)
  t.equal(stepOf(KEY, ' 050 471 ', now), step, 'as apps print it')
  const wrong = ['', '05047', '0504711', '050471x', '-50471', '٠٥٠٤٧١', '0x5047', '1e5']
  for (const code of wrong) t.equal(stepOf(KEY, code, now), null, JSON.stringify(code))
})

t.test('the key as text and as an address', async t => {
  t.equal(base32(Buffer.from('foobar')), 'MZXW6YTBOI', 'RFC 4648, 10')
  t.equal(base32(Buffer.from('fooba')), 'MZXW6YTB')
  const uri = new URL(keyUri(KEY, 'Pollux', 'zoé & co'))
  t.equal(uri.protocol, 'otpauth:')
  t.equal(uri.searchParams.get('secret'), 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  t.equal(uri.searchParams.size, 2, 'a name adds no field')
})
