// Classes of retention that are chosen, over MariaDB or MySQL.
import t, { type Test } from 'tap'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { chosenClassCases } from './conformance-classes.ts'
import type { Place } from './place.ts'

t.setTimeout(600_000)
const shared = await anyMariaDb(t)

async function newPlace(_t: Test): Promise<Place> {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
}

chosenClassCases(t, newPlace)
