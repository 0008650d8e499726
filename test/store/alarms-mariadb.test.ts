// Alarms over MariaDB or MySQL.
import t from 'tap'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { alarmCases } from './conformance-alarms.ts'

const shared = await anyMariaDb(t)

alarmCases(t, async () => {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
})
