// Goal: whatever is wrong with a request is refused as a problem document that names it, and nothing
// is changed.
import t from 'tap'
import { until } from '../parts/find.ts'
import { isProblem, Refusal, silentDevice, startApi } from './caller.ts'

const { ask, add } = await startApi(t, { network: true, every: '1s' })

t.test('what is wrong is named', async t => {
  await add(t, silentDevice('mended'))
  const document = silentDevice('wrong')
  const bodies: [string, unknown, string][] = [
    ['an array', [], ''],
    ['null', 'null', ''],
    ['a text', '"device"', ''],
    ['no kind', { ...document, kind: undefined }, 'kind'],
    ['no id', { ...document, id: undefined }, 'id'],
    ['a wrong id', { ...document, id: '../etc' }, 'id'],
    ['an unknown key', { ...document, isAdmin: true }, ''],
    ['a key of ours', { ...document, version: 7 }, ''],
    ['a port as text', { ...document, port: '161' }, 'port'],
    ['a wrong duration', { ...document, every: '5 parsecs' }, 'every'],
    ['an address with a scheme', { ...document, address: 'http://x/' }, 'address'],
    [
      'a secret that is not there',
      { ...document, credentials: { version: '2c', community: { secret: 'none' } } },
      'credentials.community',
    ],
  ]
  for (const [what, body, path] of bodies) {
    const answer = await ask('POST', '/devices', { body })
    isProblem(t, answer, 422, 'E_DEVICE_INVALID', what)
    t.ok(
      answer.as(Refusal).errors.some(e => e.path === path),
      `${what}: ${answer.text}`,
    )
  }
  const twice = await ask('POST', '/devices', { body: silentDevice('mended') })
  isProblem(t, twice, 409, 'E_DEVICE_EXISTS', 'an id that is taken')
  const patches: [string, unknown, string][] = [
    ['another id', { id: 'other' }, 'id'],
    ['another kind', { kind: 'docker', address: 'unix:///x.sock', credentials: null }, 'kind'],
    ['no address', { address: null }, 'address'],
    ['what Pollux adds', { status: { state: 'up' } }, ''],
    ['no object', [1], ''],
  ]
  for (const [what, body, path] of patches) {
    const answer = await ask('PATCH', '/devices/mended', { body })
    isProblem(t, answer, 422, 'E_DEVICE_INVALID', what)
    t.ok(
      answer.as(Refusal).errors.some(e => e.path === path),
      `${what}: ${answer.text}`,
    )
  }
  t.match((await ask('GET', '/devices/mended')).body, { version: 1 }, 'nothing was changed')
})

t.test('bodies that are not what they should be', async t => {
  const send = (headers: Record<string, string>, body?: string) =>
    ask('POST', '/devices', { headers, ...(body === undefined ? {} : { body }) })
  const json = { 'content-type': 'application/json' }
  isProblem(t, await send(json, '{"id": "grep-me'), 400, 'E_JSON', 'cut short')
  isProblem(t, await send(json, ''), 422, 'E_DEVICE_INVALID', 'empty')
  isProblem(t, await send({}), 415, 'E_MEDIA_TYPE', 'nothing at all')
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'application/merge-patch+json',
    'multipart/form-data; boundary=x',
  ])
    isProblem(t, await send({ 'content-type': type }, '{}'), 415, 'E_MEDIA_TYPE', type)
  const patch = await ask('PATCH', '/devices/app-01', {
    body: 'name=x',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  isProblem(t, patch, 415, 'E_MEDIA_TYPE', 'a form as a patch')
  const large = await send(json, JSON.stringify({ name: 'x'.repeat(1024 * 1024) }))
  isProblem(t, large, 413, 'E_TOO_LARGE', 'larger than 1 MB')
  const deep = `{"id":"deep","kind":"snmp","alarms":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`
  isProblem(t, await send(json, deep), 400, 'E_JSON', 'deeper than anybody writes')
  for (const body of [
    '{"__proto__": {"isAdmin": true}}',
    '{"constructor": {"prototype": {"isAdmin": true}}}',
  ]) {
    isProblem(t, await send(json, body), 400, 'E_JSON', body)
    isProblem(t, await ask('PATCH', '/devices/app-01', { body }), 400, 'E_JSON', body)
  }
  t.notOk('isAdmin' in {}, 'no prototype was changed')
})

t.test('paths and methods that are not there', async t => {
  for (const [method, path] of [
    ['GET', '/nothing'],
    ['GET', '/devices/app-01/nothing'],
    ['DELETE', '/devices'],
    ['POST', '/devices/app-01'],
    ['PUT', '/samples'],
  ] as const)
    isProblem(t, await ask(method, path), 404, 'E_NOT_FOUND', `${method} ${path}`)
  isProblem(t, await ask('GET', '/devices/%zz'), 400, 'E_REQUEST', 'an address that is none')
  isProblem(t, await ask('GET', `/devices/${'x'.repeat(3000)}`), 414, 'E_REQUEST', 'a long one')
  isProblem(t, await ask('GET', '/devices/__proto__'), 404, 'E_DEVICE_UNKNOWN', '__proto__')
  for (const path of ['latest', 'series', 'receipts'])
    isProblem(t, await ask('GET', `/devices/none/${path}`), 404, 'E_DEVICE_UNKNOWN', path)
  isProblem(t, await ask('POST', '/devices/none/poll'), 404, 'E_DEVICE_UNKNOWN', 'poll')
  const put = await ask('PUT', '/devices/none', { body: silentDevice('none') })
  isProblem(t, put, 404, 'E_DEVICE_UNKNOWN', 'PUT makes no devices')
})

t.test('queries that make no sense', async t => {
  const metric = 'device=app-01&metric=interface.in'
  const isStored = async () => {
    const answer = await ask('GET', '/devices/app-01/series')
    return answer.status === 200 && answer.text.includes('"interface.in"')
  }
  await until(isStored, 'first samples of the metric', 20_000)
  for (const [query, status, path] of [
    ['device=app-01', 400, 'metric'],
    ['metric=interface.in', 400, 'device'],
    ['device=app-01&metric=interface', 400, 'metric'],
    ['device=app-01&metric=interface.nothing', 422, 'metric'],
    [`${metric}&row=none`, 422, 'row'],
    [`${metric}&points=0`, 400, 'points'],
    [`${metric}&points=5001`, 400, 'points'],
    [`${metric}&points=1.5`, 400, 'points'],
    [`${metric}&points=many`, 400, 'points'],
    [`${metric}&points=5&points=6`, 400, 'points'],
    [`${metric}&points=5&fn=sum`, 400, 'fn'],
    [`${metric}&fn=avg`, 422, 'fn'],
    [`${metric}&from=yesterday`, 422, 'from'],
    [`${metric}&to=2026-13-45`, 422, 'to'],
    [`${metric}&from=2000&to=1000`, 422, 'from'],
    [`${metric}&from=0&to=99999999999999999999`, 422, 'to'],
    [`${metric}&from=0`, 422, 'from'],
    [`${metric}&frm=0`, 400, ''],
    [`${metric}${'&row=a'.repeat(201)}`, 400, 'row'],
  ] as const) {
    const answer = await ask('GET', `/samples?${query}`)
    isProblem(
      t,
      answer,
      status,
      status === 400 ? 'E_REQUEST' : 'E_SAMPLE_QUERY',
      query.slice(0, 80),
    )
    t.equal(answer.as(Refusal).errors[0]?.path, path, answer.text)
  }
  for (const query of [
    'limit=0',
    'limit=1001',
    'kind=toaster',
    'state=fine',
    'colour=red',
    'q=a&q=b',
  ])
    isProblem(t, await ask('GET', `/devices?${query}`), 400, 'E_REQUEST', query)
  isProblem(t, await ask('DELETE', '/devices/app-01?history=maybe'), 400, 'E_REQUEST', 'history')
  isProblem(t, await ask('DELETE', '/devices/app-01?all=true'), 400, 'E_REQUEST', 'unknown key')
  t.equal((await ask('GET', '/devices/app-01')).status, 200, 'still there')
})
