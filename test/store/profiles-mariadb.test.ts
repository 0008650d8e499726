// Profiles of people over MariaDB or MySQL.
import t from 'tap'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { profileCases } from './conformance-profiles.ts'

const shared = await anyMariaDb(t)

profileCases(t, async () => {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
})
