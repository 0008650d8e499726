// Goal: the device form is drawn from the schema that checks the API. A property that is added there is
// in the form, in the document and in the errors; every property of every kind is in the form, or named
// as an exception; a device of kind check is made, changed and tested without JavaScript.

// First of all: it adds a property to the schema.
import './rack.ts'
import t from 'tap'
import { DEVICE_KINDS, DeviceConfig, KIND_KEYS } from '../../server/model/device.ts'
import { DICTIONARIES } from '../../server/web/languages/say.ts'
import { DEVICE_FIELDS, topOf } from '../../server/web/pages/device-fields.ts'
import { NOT_IN_FORM, sectionsOf } from '../../server/web/pages/device-form-parts.ts'
import { fieldsOf, htmlPattern } from '../../server/web/schema-fields.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

const test = await startTestProgram(t)
const { url, program } = test
const { admin, engineer } = await people(test)

const get = async (path: string) => (await ask(url, path, as(url, admin))).body
const post = (path: string, fields: Record<string, string>, by = admin) =>
  ask(url, path, {
    ...as(url, by, { method: 'POST', headers: FORM }),
    body: new URLSearchParams(fields).toString(),
  })
const configOf = async (id: string) => (await program.devices.get(id))?.config

t.test('a schema becomes fields', t => {
  const text = { type: 'string', minLength: 1, maxLength: 9 }
  const secret = { anyOf: [text, { type: 'object', properties: { secret: text } }] }
  const { fields, unshown } = fieldsOf({
    required: ['name', 'rows'],
    properties: {
      name: { ...text, pattern: '^[a-z-]+$' },
      count: { type: 'integer', minimum: 2, maximum: 30 },
      colour: { enum: ['red', 'blue'] },
      either: { anyOf: [{ const: 'a' }, { const: 'b' }] },
      on: { type: 'boolean' },
      letter: { type: 'string', maxLength: 65_536 },
      words: { type: 'array', items: { type: 'string', pattern: '^x$' } },
      inner: { required: ['key'], properties: { key: secret } },
      way: {
        anyOf: [
          { required: ['by'], properties: { by: { const: 'foot' }, shoes: text } },
          { required: ['by', 'seat'], properties: { by: { enum: ['bus', 'car'] }, seat: text } },
        ],
      },
      rows: { type: 'array', maxItems: 3, items: { required: ['a'], properties: { a: text } } },
      free: { type: 'object' },
      deep: { type: 'array', items: { type: 'array', items: text } },
    },
  })
  const found = new Map(fields.map(field => [field.name, field]))
  t.match(found.get('name'), { input: 'text', required: true, min: 1, max: 9, pattern: /a-z/ })
  t.match(found.get('count'), { input: 'number', required: false, min: 2, max: 30 })
  t.match(found.get('colour'), { input: 'choice', choices: ['red', 'blue'] })
  t.match(found.get('either'), { input: 'choice', choices: ['a', 'b'] })
  t.match(found.get('on'), { input: 'tick' })
  t.match(found.get('letter'), { input: 'long' })
  t.match(found.get('words'), { input: 'words', pattern: '^x$' })
  t.match(found.get('inner.key'), { input: 'text', secret: true, required: false })
  t.match(found.get('way.by'), { input: 'choice', choices: ['foot', 'bus', 'car'] })
  t.same(found.get('way.shoes')?.under, { name: 'way.by', values: ['foot'] })
  t.same(found.get('way.seat')?.under, { name: 'way.by', values: ['bus', 'car'] })
  t.match(found.get('rows'), { input: 'rows', rowsMax: 3, fields: [{ name: 'a', required: true }] })
  t.same(unshown, ['free', 'deep'], 'what no form can hold is named')
  t.equal(found.size, 12)
  t.equal(htmlPattern('^[a-z_-]+$'), '^[a-z_\\-]+$', 'as the flag v reads it')
  t.equal(htmlPattern('(?<'), null)
  t.end()
})

t.test('every property of every kind is in the form, with words in every language', async t => {
  for (const property of Object.keys(NOT_IN_FORM)) {
    t.ok(property in DeviceConfig.properties, `the exception ${property} is a property`)
    t.notOk(
      DEVICE_FIELDS.some(({ name }) => topOf(name) === property),
      `${property} is one`,
    )
  }
  for (const property of Object.keys(KIND_KEYS)) t.ok(property in DeviceConfig.properties, property)
  for (const [language, words] of Object.entries(DICTIONARIES)) {
    const known: Record<string, unknown> = words.deviceFields
    for (const { name, fields } of DEVICE_FIELDS.filter(({ name }) => name !== 'rackUnit'))
      for (const key of [name, ...fields.map(inner => `${name}.${inner.name}`)])
        t.ok(known[key], `${language}: ${key}`)
  }
  for (const kind of DEVICE_KINDS) {
    const drawn = { words: DICTIONARIES.en, values: {}, kept: new Set<string>(), errors: [] }
    const names = sectionsOf({ ...drawn, kind, retype: false }).flatMap(section => [
      ...section.fields.map(({ name }) => topOf(name)),
      ...section.ticks.map(({ name }) => name),
      ...section.groups.flatMap(({ fields }) => fields.map(({ name }) => topOf(name))),
      ...section.lists.map(({ id }) => id),
    ])
    for (const property of Object.keys(DeviceConfig.properties)) {
      const kinds: readonly string[] | undefined = KIND_KEYS[property]
      const isOurs = kinds === undefined || kinds.includes(kind)
      const isElsewhere = property in NOT_IN_FORM || property === 'id' || property === 'kind'
      t.equal(names.includes(property), isOurs && !isElsewhere, `${kind}: ${property}`)
    }
  }
})

const AGENT = { kind: 'snmp', name: 'Racked', address: '127.0.0.1', port: '9', enabled: '' }
const POLLING = { every: '1h', timeout: '1s', retries: '0', profiles: 'auto' }
const SNMP = { ...AGENT, ...POLLING, 'credentials.version': '2c', 'credentials.community': 'x' }

t.test('a property that is added to the schema is in the form', async t => {
  const body = await get('/devices/new')
  t.match(body, '<label for="rackUnit">Rack unit</label>')
  const input = /<input id="rackUnit"[^>]*>/.exec(body)?.[0] ?? ''
  t.match(input, 'maxlength="12"')
  t.match(input, 'pattern="^[a-z0-9\\-]+$"')
  const wrong = await post('/devices', { ...SNMP, rackUnit: 'NO "GOOD"' })
  t.equal(wrong.status, 422)
  t.match(wrong.body, 'href="#rackUnit"')
  t.match(wrong.body, 'value="NO &quot;GOOD&quot;"', 'what was typed is kept')
  t.equal((await post('/devices', { ...SNMP, rackUnit: 'a-7', parents: 'other' })).status, 303)
  t.match(await configOf('racked'), { rackUnit: 'a-7', parents: ['other'] })
  t.match(await get('/devices/racked/edit'), /id="rackUnit"[^>]* value="a-7"/)
})

const CHECK = { kind: 'check', name: 'Shop', address: '127.0.0.1', ...POLLING, enabled: '' }
const shownRows = (body: string) => [...body.matchAll(/<legend>Check \d+<\/legend>/g)].length

t.test('checks: rows are added and removed by sending the form', async t => {
  t.match(await get('/devices/new'), /<option value="check">Checks without SNMP/)
  const one = { ...CHECK, 'checks.0.type': 'http', 'checks.0.name': 'front' }
  const more = await post('/devices', { ...one, _rows: 'add checks' })
  t.equal(more.status, 200)
  t.equal(shownRows(more.body), 2)
  t.match(more.body, /id="checks.0.name"[^>]* value="front"/)
  t.match(more.body, /name="name"[^>]* value="Shop"/)
  const two = { ...one, 'checks.1.type': 'tcp', 'checks.1.name': 'ssh' }
  const less = await post('/devices', { ...two, _rows: 'remove checks 0' })
  t.equal(shownRows(less.body), 1)
  t.match(less.body, /id="checks.0.name"[^>]* value="ssh"/, 'the others move up')
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`checks.${i}.name`, `c${i}`]),
  )
  const full = await post('/devices', { ...CHECK, ...many, _rows: 'add checks' })
  t.equal(shownRows(full.body), 20, 'no more than the schema allows')
  t.notMatch(full.body, 'value="add checks"')
  const over = await post('/devices', { ...CHECK, ...many, 'checks.20.name': 'one-more' })
  t.equal(over.status, 422, 'too many is said, not cut')
  for (const odd of [
    'add',
    'add id',
    'remove',
    'remove checks',
    'remove checks __proto__',
    'x y z',
  ])
    t.ok((await post('/devices', { ...CHECK, _rows: odd })).status < 500, odd)
  t.equal(await program.devices.get('shop'), null, 'none of it was saved')
})

t.test('checks: made, refused at the field, tested and changed', async t => {
  const fields = {
    ...{ 'checks.0.type': 'ping', 'checks.0.name': '' },
    ...{ 'checks.1.type': 'tcp', 'checks.1.name': 'ssh', 'checks.1.port': 'x' },
    ...{ 'checks.2.type': 'http', 'checks.2.name': 'front', 'checks.2.url': '<b>' },
  }
  const none = await post('/devices', { ...CHECK, 'checks.0.type': 'ping' })
  t.equal(none.status, 422)
  t.match(none.body, 'href="#checks"')
  const wrong = await post('/devices', { ...CHECK, ...fields })
  t.equal(wrong.status, 422)
  t.match(wrong.body, '<a href="#checks.0.port">Check 1: Port of the check</a>')
  t.match(wrong.body, 'id="checks.0.port-error"', 'a blank row is none')
  t.match(wrong.body, 'value="&lt;b&gt;"')
  const bad = await post('/devices', { ...CHECK, ...fields, 'checks.1.port': '22' })
  t.match(bad.body, '<a href="#checks.1.url">Check 2: URL</a>')
  const good = {
    ...{ 'checks.0.type': 'tcp', 'checks.0.name': 'web', 'checks.0.port': new URL(url).port },
    // Of another type: what is not for this one is not sent on.
    ...{ 'checks.0.url': 'left over' },
  }
  t.match((await post('/devices/test', { ...CHECK, ...good })).body, 'It answers.')
  t.equal((await post('/devices', { ...CHECK, ...good })).status, 303)
  t.match((await configOf('shop'))?.checks, [
    { name: 'web', type: 'tcp', port: Number(good['checks.0.port']) },
  ])
  const edit = await get('/devices/shop/edit')
  const version = /name="_version" value="(\d+)"/.exec(edit)?.[1] ?? ''
  t.match(edit, /id="checks.0.name"[^>]* value="web"/)
  t.notMatch(edit, 'credentials.community')
  const dns = { 'checks.1.type': 'dns', 'checks.1.name': 'names', 'checks.1.query': 'shop.lan' }
  const saved = await post('/devices/shop', { ...CHECK, _version: version, ...good, ...dns })
  t.equal(saved.status, 303)
  t.match((await configOf('shop'))?.checks, [{ name: 'web' }, { type: 'dns', query: 'shop.lan' }])
  const more = await post('/devices/shop', { ...CHECK, ...good, _rows: 'add checks' }, engineer)
  t.equal(shownRows(more.body), 2)
  t.equal((await configOf('shop'))?.checks?.length, 2, 'adding a row saves nothing')
})
