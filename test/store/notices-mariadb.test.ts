// The outbox over MariaDB or MySQL.
import t from 'tap'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { noticeCases } from './conformance-notices.ts'

const shared = await anyMariaDb(t)

noticeCases(t, async () => {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
})
