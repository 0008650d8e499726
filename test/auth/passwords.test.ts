// Passwords: argon2id, found again and nothing else; weak ones refused with a reason.
import t from 'tap'
import {
  hashPassword,
  makePassword,
  passwordProblems,
  verifyPassword,
} from '../../server/auth/passwords.ts'

t.test('a hash verifies its own password alone', async t => {
  const hash = await hashPassword('correct horse battery')
  t.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  t.equal(await verifyPassword('correct horse battery', hash), true)
  t.equal(await verifyPassword('correct horse batterY', hash), false)
  t.equal(await verifyPassword('x', 'not a hash'), false)
  t.not(hash, await hashPassword('correct horse battery'), 'salted')
})

t.test('many at once end, all right', async t => {
  const hashes = await Promise.all(
    Array.from({ length: 12 }, (_, i) => hashPassword(`password number ${i}`)),
  )
  t.same(
    await Promise.all(hashes.map((hash, i) => verifyPassword(`password number ${i}`, hash))),
    Array(12).fill(true),
  )
})

t.test('weak passwords are refused', async t => {
  for (const weak of [
    'short',
    'a'.repeat(300),
    'aaaaaaaaaaaaaaaa',
    'Password1234',
    'administrator',
    'anna-meier-99',
  ]) {
    t.equal(passwordProblems(weak, 'anna-meier-99', 'next').length, 1, weak.slice(0, 20))
  }
  t.same(passwordProblems('correct horse battery', 'anna', 'next'), [])
})

t.test('made passwords are long, readable and differ', async t => {
  const made = new Set(Array.from({ length: 50 }, makePassword))
  t.equal(made.size, 50)
  for (const password of made) t.match(password, /^[a-zA-Z2-9]{5}(-[a-zA-Z2-9]{5}){3}$/)
})
