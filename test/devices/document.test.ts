// Device documents: what may be left out, and a word beside every wrong field.
import t from 'tap'
import { deviceConfig } from '../../server/devices/document.ts'
import { AppError } from '../../server/model/errors.ts'

const good = {
  id: 'sw-1',
  kind: 'snmp',
  address: '10.0.0.1',
  credentials: { version: '2c', community: 'public' },
}

/** Field → message of a refused document. */
function wrong(document: unknown): Record<string, string> {
  try {
    deviceConfig(document)
  } catch (error) {
    if (error instanceof AppError)
      return Object.fromEntries(error.errors.map(e => [e.path, e.message]))
    throw error
  }
  return {}
}

t.test('fills in what was left out', async t => {
  t.match(deviceConfig(good), {
    name: 'sw-1',
    port: 161,
    every: '60s',
    timeout: '2s',
    retries: 1,
    profiles: ['auto'],
    enabled: true,
  })
})

t.test('tuning: pins of an SNMP device, within bounds', async t => {
  const tuning = { repetitions: 10, inFlight: 1, kindness: 'off' }
  t.same(deviceConfig({ ...good, tuning }).tuning, tuning)
  t.match(wrong({ ...good, tuning: { repetitions: 0 } })['tuning.repetitions'], />= 1/)
  t.match(wrong({ ...good, tuning: { inFlight: 17 } })['tuning.inFlight'], /<= 16/)
  t.ok(Object.keys(wrong({ ...good, tuning: { kindness: 'some' } })).length > 0)
  t.ok(Object.keys(wrong({ ...good, tuning: { speed: 1 } })).length > 0)
  const docker = { id: 'd', kind: 'docker', address: 'unix:///run/docker.sock', tuning }
  t.match(wrong(docker), { tuning: 'is for SNMP devices' })
})

t.test('alarms: each wrong one by its place, and what can be judged stays', async t => {
  const alarms = {
    'interface.in_percent': { warning: '> 60', clear: '< 50', for: '5m', text: '{row} is busy' },
    'interface.oper@Gi1/0/1.5': false,
    'device.state': { changed: true },
  }
  t.same(deviceConfig({ ...good, alarms }).alarms, alarms)
  const found = wrong({
    ...good,
    alarms: {
      'interface.in@eth0': { warning: '> > 60', critical: 'sqrt(', clear: '1 > 2' },
      'cpu.usage': { limit: 5 },
      'cpu.load': { for: 'soon' },
      'cpu.idle': true,
      'cpu.user': null,
      'cpu.wait': [],
      usage: false,
      'a.b@': false,
    },
  })
  t.match(found['alarms.interface.in@eth0.clear'], /looks at no value/)
  t.match(found['alarms.cpu.usage'], /limit/)
  t.same(Object.keys(found).sort(), [
    'alarms.a.b@',
    'alarms.cpu.idle',
    'alarms.cpu.load.for',
    'alarms.cpu.usage',
    'alarms.cpu.user',
    'alarms.cpu.wait',
    'alarms.interface.in@eth0.clear',
    'alarms.interface.in@eth0.critical',
    'alarms.interface.in@eth0.warning',
    'alarms.usage',
  ])
  const many = Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`a.b@${i}`, false]))
  t.match(wrong({ ...good, alarms: many }), { alarms: /501.*at most 500/ })
})

t.test('a class of retention', async t => {
  t.notOk('retention' in deviceConfig(good))
  t.equal(deviceConfig({ ...good, retention: 'long' }).retention, 'long')
  for (const retention of ['forever', '', null, 30])
    t.ok(wrong({ ...good, retention }).retention, JSON.stringify(retention))
})

t.test('intervals: too short, none, and in parsecs', async t => {
  t.match(wrong({ ...good, every: '0s' }).every, /not a duration.*10s, 5m/)
  t.match(wrong({ ...good, every: '5 parsecs' }).every, /"5 parsecs" is not a duration/)
  t.match(wrong({ ...good, every: '2d' }).every, /at most/)
  t.match(wrong({ ...good, timeout: '2m' }).timeout, /at most 60 s/)
})

t.test('names every wrong field at once', async t => {
  const errors = wrong({
    id: 'Über Switch',
    kind: 'snmp',
    address: 'http://x/y',
    every: 'often',
    port: 0,
    credentials: { version: '2c', community: '' },
  })
  t.hasProps(errors, ['id', 'every', 'port', 'credentials.community'])
  t.match(errors.id, /small letters/)
})

t.test('what each kind needs', async t => {
  t.match(wrong({ id: 'a', kind: 'snmp', credentials: good.credentials }), { address: /missing/ })
  t.match(wrong({ id: 'a', kind: 'snmp', address: 'x' }), { 'credentials.community': /missing/ })
  t.match(wrong({ id: 'a', kind: 'docker', address: '/var/run/docker.sock' }), {
    address: /unix:\/\/\//,
  })
  t.match(wrong({ ...good, id: 'new' }), { id: /address of a page/ })
  t.match(wrong({ id: 'a', kind: 'check' }), { address: /missing/, checks: /missing/ })
  t.match(wrong({ id: 'a', kind: 'mqtt' }), { topics: /missing/ })
  t.match(wrong({ id: 'a', kind: 'mqtt', topics: ['tele/+', 'a/#/b', 'a+/b'] }), {
    'topics.1': /wildcard/,
    'topics.2': /wildcard/,
  })
  t.match(wrong({ id: 'a', kind: 'mqtt', topics: ['pollux/main/#', '$SYS/#'] }), {
    'topics.0': /own/,
    'topics.1': /own/,
  })
  t.match(wrong({ ...good, topics: ['a'] }), { topics: /MQTT/ })
  t.match(wrong({ id: 'a', kind: 'toaster' }), { kind: /must be one of/ })
  t.match(
    wrong({
      ...good,
      credentials: {
        version: '3',
        user: 'ops',
        level: 'authPriv',
        auth: { protocol: 'sha256', key: 'k' },
      },
    }),
    { 'credentials.priv.key': /authPriv/ },
  )
})

t.test('hostile documents are refused, not obeyed', async t => {
  for (const document of [
    null,
    'text',
    [],
    7,
    { ...good, surprise: 1 },
    JSON.parse('{"__proto__":{"id":"x"}}'),
  ]) {
    t.throws(() => deviceConfig(document), { code: 'E_DEVICE_INVALID' })
  }
  t.equal(Object.getPrototypeOf({}), Object.prototype)
})

t.test('checks: what each type needs, and nothing else', async t => {
  const device = (...checks: unknown[]) => ({ id: 'c', kind: 'check', address: 'h.test', checks })
  const all = [
    { name: 'ping', type: 'ping' },
    { name: 'ssh', type: 'tcp', port: 22 },
    { name: 'web', type: 'http', url: 'https://h.test/', status: 200, text: 'x', verify: 'off' },
    { name: 'dns', type: 'dns', query: 'h.test', record: 'MX', server: '10.0.0.1' },
  ]
  t.same(deviceConfig(device(...all)).checks, all)
  t.match(wrong(device({ name: 'a', type: 'tcp' })), { 'checks.0.port': /missing/ })
  t.match(wrong(device({ name: 'a', type: 'http' })), { 'checks.0.url': /missing/ })
  t.match(wrong(device(all[0], all[0])), { 'checks.1.name': /twice/ })
  t.match(wrong(device({ ...all[0], url: 'http://h/' })), { 'checks.0.url': /not for/ })
  for (const url of ['file:///etc/passwd', 'http://a:b@h.test/', 'ftp://h/', 'x', 'http:'])
    t.match(wrong(device({ name: 'a', type: 'http', url })), { 'checks.0.url': /must be/ }, url)
  for (const host of ['-f', '--help', 'a b', '$(id)', 'a\n'])
    t.ok(wrong(device({ ...all[0], host }))['checks.0.host'], host)
  t.ok(wrong(device({ ...all[3], query: '-x' }))['checks.0.query'])
  t.ok(wrong(device({ ...all[0], name: '<b>' }))['checks.0.name'])
  t.match(wrong({ ...device(all[0]), address: 'http://h/' }), { address: /host name/ })
  t.same(deviceConfig({ ...good, checks: all }).checks, all, 'beside what a device is read by')
  const many = Array.from({ length: 21 }, (_, i) => ({ name: `p${i}`, type: 'ping' }))
  t.ok(wrong(device(...many)).checks)
  t.ok(wrong(device()).checks)
})
