// Events over MariaDB or MySQL.
import t from 'tap'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { eventCases } from './conformance-events.ts'

const shared = await anyMariaDb(t)

eventCases(t, async () => {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
})
