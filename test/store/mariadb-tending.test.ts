// The maintenance of the store over MariaDB or MySQL.
import t, { type Test } from 'tap'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { tendingConformance } from './conformance.ts'
import type { Place } from './place.ts'
import { collected, opened } from './samples.ts'
import { count, DAY, T0, tend } from './tending.ts'

const shared = await anyMariaDb(t)

async function newPlace(_t: Test): Promise<Place> {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
}

tendingConformance(t, newPlace)

t.test('what is too old goes by whole partitions, made ahead', async t => {
  const { place, store, uid } = await opened(t, newPlace)
  const partitions = async () => {
    const rows = await place.raw(
      `select partition_name as name from information_schema.partitions
        where table_schema = database() and table_name = 'block_default'`,
    )
    return rows.map(({ name }) => String(name))
  }
  await tend(store, T0)
  t.same(await partitions(), ['p20260102', 'p20260103', 'p20260104', 'pmax'])
  for (const day of [0, 1, 3, 20, 39]) {
    await store.samples.write([collected(uid, T0 + day * DAY, null, { load: [day] })])
    await tend(store, T0 + (day + 2) * DAY)
  }
  const left = await partitions()
  t.equal(left.at(-1), 'pmax')
  t.equal(left[0], 'p20260124', 'the first that ends after the edge')
  t.equal(await count(place, 'block_default'), 2)
  t.match(store.maintenance.stats(), { trimmed: 0, failed: 0 })
})
