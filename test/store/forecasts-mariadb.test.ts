// Forecasts over MariaDB or MySQL.
import t from 'tap'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { forecastCases } from './conformance-forecasts.ts'

t.setTimeout(600_000)
const shared = await anyMariaDb(t)

forecastCases(t, async () => {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
})
