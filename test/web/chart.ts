// The data of a chart as a test reads it, checked by its shape.

import Type, { type Static } from 'typebox'
import { parser } from '../../server/validate.ts'

const Points = Type.Array(Type.Array(Type.Any()))
export const Chart = Type.Object({
  from: Type.Number(),
  to: Type.Number(),
  everyMs: Type.Number(),
  raw: Type.Boolean(),
  type: Type.String(),
  unit: Type.String(),
  series: Type.Array(
    Type.Object({
      metric: Type.String(),
      row: Type.Union([Type.String(), Type.Null()]),
      title: Type.String(),
      color: Type.Integer({ minimum: 1, maximum: 6 }),
      mirror: Type.Boolean(),
      points: Points,
      latest: Type.Union([Type.Number(), Type.Null()]),
    }),
  ),
  gaps: Type.Array(Type.Tuple([Type.Number(), Type.Number(), Type.String(), Type.String()])),
  ceiling: Type.Union([Type.Null(), Type.Object({ title: Type.String(), points: Points })]),
  states: Type.Record(
    Type.String(),
    Type.Array(Type.Object({ value: Type.Number(), name: Type.String(), tone: Type.String() })),
  ),
})
export type Chart = Static<typeof Chart>

const parse = parser(Chart, 'E_TEST', 'the chart')

export async function chartOf(url: string, cookie: string, path: string): Promise<Chart> {
  const answer = await fetch(`${url}${path}`, { headers: { cookie } })
  if (answer.status !== 200) throw new Error(`${path} gave ${answer.status}`)
  return parse(await answer.json())
}
