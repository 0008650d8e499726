// A private InfluxDB 1.x with one database.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import Type, { type Static } from 'typebox'
import { parser } from '../../server/validate.ts'
import { freePort, program, startPart, type Teardown, tempDir } from './find.ts'

const DEBIAN_PACKAGE = 'influxdb'

const Answer = Type.Object({
  results: Type.Array(
    Type.Object({
      series: Type.Optional(
        Type.Array(
          Type.Object({
            columns: Type.Array(Type.String()),
            values: Type.Array(
              Type.Array(Type.Union([Type.Number(), Type.String(), Type.Boolean(), Type.Null()])),
            ),
          }),
        ),
      ),
    }),
  ),
})
type Cell = Static<typeof Answer>['results'][number] extends infer R
  ? R extends { series?: { values: (infer C)[][] }[] }
    ? C
    : never
  : never
const parseAnswer = parser(Answer, 'E_TEST', 'the answer of InfluxDB')

export interface InfluxPart {
  /** Where lines are written. */
  writeUrl: string
  /** The rows of an InfluxQL query, by column; times in ms. */
  query(text: string): Promise<Record<string, Cell | undefined>[]>
}

/** A running InfluxDB, stopped after the test. */
export async function startInflux(t: Teardown): Promise<InfluxPart> {
  const binary = await program('influxd', DEBIAN_PACKAGE)
  const dir = await tempDir(t)
  const [port, rpcPort] = [await freePort(), await freePort()]
  const quoted = (name: string) => JSON.stringify(path.join(dir, name))
  const file = path.join(dir, 'influxdb.conf')
  await writeFile(
    file,
    `reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
dir = ${quoted('meta')}
[data]
dir = ${quoted('data')}
wal-dir = ${quoted('wal')}
[http]
bind-address = "127.0.0.1:${port}"
`,
  )
  const url = `http://127.0.0.1:${port}`
  const ask = async (q: string) => {
    const query = new URLSearchParams({ q, db: 'pollux', epoch: 'ms' })
    const answer = await fetch(`${url}/query?${query}`, { method: 'POST' })
    return parseAnswer(await answer.json())
  }
  const part = await startPart(
    binary,
    ['-config', file],
    async () => (await fetch(`${url}/ping`)).ok,
    { timeoutMs: 60_000 },
  )
  t.teardown(() => part.stop('SIGKILL'))
  await ask('CREATE DATABASE pollux')
  return {
    writeUrl: `${url}/write?db=pollux`,
    async query(text) {
      const { results } = await ask(text)
      return results.flatMap(({ series = [] }) =>
        series.flatMap(({ columns, values }) =>
          values.map(row => Object.fromEntries(columns.map((name, i) => [name, row[i]]))),
        ),
      )
    },
  }
}
