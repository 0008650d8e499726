// A client of the API for tests: asks as one of the people, and reads answers by their schemas.

import path from 'node:path'
import type { Test } from 'tap'
import Type, { type Static, type TSchema } from 'typebox'
import { createLog } from '../../server/log.ts'
import { GapReasonSchema, Value } from '../../server/model/collection.ts'
import type { Role } from '../../server/model/user.ts'
import { openStore } from '../../server/store/open.ts'
import { parser } from '../../server/validate.ts'
import type { Teardown } from '../parts/find.ts'
import { type Person, people } from './people.ts'
import { startTestProgram, type TestProgram } from './program.ts'

const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const Latest = Type.Object({
  at: OrNull(Type.Integer()),
  samples: Type.Array(
    Type.Object(
      {
        metric: Type.String(),
        row: OrNull(Type.String()),
        index: OrNull(Type.String()),
        value: Value,
        unit: OrNull(Type.String()),
        at: Type.Integer(),
        gap: OrNull(GapReasonSchema),
      },
      { additionalProperties: false },
    ),
  ),
})
export const History = Type.Object(
  {
    device: Type.String(),
    metric: Type.String(),
    unit: OrNull(Type.String()),
    from: Type.Integer(),
    to: Type.Integer(),
    series: Type.Array(
      Type.Object({
        row: OrNull(Type.String()),
        points: Type.Array(Type.Tuple([Type.Integer(), Value])),
        gaps: Type.Array(Type.Tuple([Type.Integer(), GapReasonSchema])),
      }),
    ),
  },
  { additionalProperties: false },
)
export const Series = Type.Array(
  Type.Object(
    {
      metric: Type.String(),
      row: OrNull(Type.String()),
      index: OrNull(Type.String()),
      name: OrNull(Type.String()),
      labels: Type.Record(Type.String(), Type.String()),
      unit: OrNull(Type.String()),
      firstAt: Type.Integer(),
    },
    { additionalProperties: false },
  ),
)
/** Of a device no more than the tests look at. */
export const Shown = Type.Object({
  id: Type.String(),
  name: Type.String(),
  version: Type.Integer(),
  status: Type.Object({ state: Type.String(), reason: OrNull(GapReasonSchema) }),
})
export const Things = Type.Array(Type.Object({ id: Type.String() }))
export const OpenApi = Type.Object({
  openapi: Type.Literal('3.1.0'),
  paths: Type.Record(
    Type.String(),
    Type.Record(
      Type.String(),
      Type.Object({
        summary: Type.String({ minLength: 1 }),
        parameters: Type.Array(
          Type.Object({ name: Type.String(), in: Type.String(), required: Type.Boolean() }),
        ),
        responses: Type.Record(Type.String(), Type.Object({ description: Type.String() })),
      }),
    ),
  ),
})
export const Receipts = Type.Array(Type.Object({ stage: Type.String() }))
export const Refusal = Type.Object({
  errors: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
})

export interface Answer {
  status: number
  headers: Headers
  text: string
  body: unknown
  /** The body, as a schema has it. */
  as<T extends TSchema>(schema: T): Static<T>
}

export interface AskOptions {
  /** A text is sent as it is, anything else as JSON. */
  body?: unknown
  by?: Person | null
  headers?: Record<string, string>
}

export interface Caller {
  test: TestProgram
  everybody: Record<Role, Person>
  /** By the admin's token, unless said otherwise; the path is what follows /api/v1. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
  latest(device: string): Promise<Static<typeof Latest>>
  history(query: Record<string, string> | [string, string][]): Promise<Static<typeof History>>
  /** Adds a device that goes with the test. */
  add(t: Test, document: { id: string }): Promise<Answer>
  audit(thing: string): Promise<{ actor: string; action: string; address: string }[]>
}

export async function startApi(
  t: Teardown,
  options: { network?: boolean; every?: string; env?: Record<string, string> } = {},
): Promise<Caller> {
  const test = await startTestProgram(t, options)
  const everybody = await people(test)

  const ask: Caller['ask'] = async (method, url, { body, by = everybody.admin, headers } = {}) => {
    const answer = await fetch(`${test.url}/api/v1${url}`, {
      method,
      headers: {
        ...(by ? { authorization: by.bearer } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return readAnswer(answer)
  }
  const good = async (path: string): Promise<Answer> => {
    const answer = await ask('GET', path)
    if (answer.status !== 200) throw new Error(`${path} gave ${answer.status}: ${answer.text}`)
    return answer
  }

  return {
    test,
    everybody,
    ask,
    latest: async device => (await good(`/devices/${device}/latest`)).as(Latest),
    history: async query => (await good(`/samples?${new URLSearchParams(query)}`)).as(History),
    async add(t, document) {
      t.teardown(() => ask('DELETE', `/devices/${document.id}?history=true`))
      const answer = await ask('POST', '/devices', { body: document })
      t.equal(answer.status, 201, answer.text)
      return answer
    },
    async audit(thing) {
      const url = `sqlite:${path.join(test.dataDir, 'pollux.db')}`
      const store = await openStore({ url, log: createLog('silent') })
      try {
        return (await store.audit.list({ limit: 1000 })).filter(entry => entry.thing === thing)
      } finally {
        await store.close()
      }
    },
  }
}

async function readAnswer(answer: Response): Promise<Answer> {
  const text = await answer.text()
  const isJson = /[/+]json\b/.test(answer.headers.get('content-type') ?? '')
  const body: unknown = isJson ? JSON.parse(text) : undefined
  const { status, headers } = answer
  return {
    status,
    headers,
    text,
    body,
    as: schema => parser(schema, 'E_ANSWER', `the answer ${text.slice(0, 500)}`)(body),
  }
}

/** A device that nothing answers for, read so seldom that it does not matter. */
export const silentDevice = (id: string) => ({
  id,
  kind: 'snmp',
  address: '127.0.0.1',
  port: 9,
  every: '1h',
  credentials: { version: '2c', community: `grep-me-${id}` },
})

/** RFC 9457, with our code. */
export function isProblem(
  t: Test,
  answer: Answer,
  status: number,
  code: string,
  what: string,
): void {
  t.equal(answer.status, status, `${what}: ${answer.text}`)
  t.match(answer.headers.get('content-type'), /^application\/problem\+json/, what)
  t.match(answer.body, { type: 'about:blank', status, code, title: /./, instance: /./ }, what)
}
