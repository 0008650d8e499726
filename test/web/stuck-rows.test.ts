// What the settings page says of roll-ups that fail again and again; nothing where none does.
import t from 'tap'
import { stuckRows } from '../../server/compose/status.ts'

t.test('how many, since when and why', t => {
  const since = Date.UTC(2026, 4, 3, 7, 8)
  const [row, ...others] = stuckRows({ count: 1200, since, error: 'E_BLOCK: bad' })
  t.equal(row?.value, '1,200, since 2026-05-03 07:08 UTC: E_BLOCK: bad')
  t.match(row?.meaning, /shorter class wait/)
  t.same([...others, ...stuckRows(null)], [])
  t.end()
})
