// Goal: the page of the API has every call of openapi.json with what it takes, in both languages; and shapes are
// told in words.

import t from 'tap'
import Type from 'typebox'
import { parser } from '../../server/validate.ts'
import { shapeOf } from '../../server/web/api-guide.ts'
import { startTestProgram } from './program.ts'

const parseDocument = parser(
  Type.Object({
    paths: Type.Record(
      Type.String(),
      Type.Record(
        Type.String(),
        Type.Object({
          summary: Type.String(),
          parameters: Type.Array(Type.Object({ name: Type.String(), required: Type.Boolean() })),
        }),
      ),
    ),
  }),
  'E_TEST',
  'openapi.json',
)

t.test('shapes', async t => {
  for (const [schema, shape] of [
    [Type.Integer({ minimum: 1, maximum: 500, default: 50 }), 'integer 1 to 500, else 50'],
    [Type.Integer({ minimum: 0 }), 'integer from 0'],
    [Type.Union([Type.Literal('avg'), Type.Literal('max')]), '"avg" | "max"'],
    [Type.Array(Type.String({ maxLength: 40 })), 'list of string of at most 40 characters'],
    [Type.Object({ host: Type.String(), port: Type.Optional(Type.Integer()) }), '{ host, port? }'],
    [Type.String({ pattern: '^a' }), 'string /^a/'],
    [{}, 'any'],
  ] as const) {
    t.equal(shapeOf({ ...schema }), shape)
  }
})

t.test('every call is on the page', async t => {
  const test = await startTestProgram(t)
  const { cookie } = await test.signIn()
  const get = async (path: string, lang = 'en') =>
    fetch(test.url + path, { headers: { cookie, 'accept-language': lang } })
  const { paths } = parseDocument(await (await get('/api/v1/openapi.json')).json())
  const page = await (await get('/api')).text()
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, of]) => ({ path, method, ...of })),
  )
  t.ok(calls.length > 50, `${calls.length} calls`)
  for (const { path, method, summary, parameters } of calls) {
    const shown = path.replaceAll(/\{(\w+)\}/g, ':$1')
    const id = `${method}${shown}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
    const from = page.indexOf(` id="${id}"`)
    if (from < 0) {
      t.fail(`${method} ${path} is not there`)
      continue
    }
    const part = page.slice(from, page.indexOf('</details>', from))
    const texts = [shown, summary.replaceAll("'", '&#39;'), ...parameters.map(({ name }) => name)]
    t.ok(
      texts.every(text => part.includes(text)),
      `${method} ${path}`,
    )
  }
  for (const [, href] of page.matchAll(/<p>[^<]*<a href="(\/api\/v1\/[^"]+)"/g)) {
    const answer = await get(href ?? '')
    await answer.body?.cancel()
    t.equal(answer.status, 200, `${href} can be looked at`)
  }
  t.match(await (await get('/api', 'fr')).text(), /Voir sa réponse/)
})
