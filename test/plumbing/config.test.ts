// Settings: defaults, every wrong one reported at once, and nothing secret shown.
import t from 'tap'
import { readConfig, SETTINGS, settingsHelp, shownSettings } from '../../server/config.ts'

t.test('nothing set gives the defaults', async t => {
  const config = readConfig({})
  t.match(config, {
    host: '127.0.0.1',
    port: 3000,
    site: 'main',
    mqttListen: { host: '127.0.0.1', port: 1883 },
    mqttUrl: null,
    redisUrl: null,
    allowNetworks: [],
  })
  t.match(config.databaseUrl, /^sqlite:.*\/data\/pollux\.db$/)
})

t.test('all wrong settings are named together, unknown ones too', async t => {
  try {
    readConfig({
      POLLUX_PORT: 'eighty',
      POLLUX_SITE: 'Main Site',
      POLLUX_DATABASE_URL: 'postgres://x',
      POLLUX_ALLOW_NETWORKS: '10.0.0.0/99',
      POLLUX_MQTT_LISTEN: '1883',
      POLLUX_PROT: '1',
    })
    t.fail('accepted')
  } catch (error) {
    t.match(error, { code: 'E_CONFIG', hint: /--help/ })
    const named = error instanceof Error && 'errors' in error ? error.errors : []
    t.same(Array.isArray(named) ? named.map(e => e.path).sort() : [], [
      'POLLUX_ALLOW_NETWORKS',
      'POLLUX_DATABASE_URL',
      'POLLUX_MQTT_LISTEN',
      'POLLUX_PORT',
      'POLLUX_PROT',
      'POLLUX_SITE',
    ])
  }
})

t.test('plain http beyond loopback must be wanted', async t => {
  t.throws(() => readConfig({ POLLUX_HOST: '0.0.0.0' }), { errors: [{ path: 'POLLUX_HOST' }] })
  t.equal(readConfig({ POLLUX_HOST: '0.0.0.0', POLLUX_INSECURE_HTTP: '1' }).host, '0.0.0.0')
})

t.test('settings that exclude or need each other', async t => {
  t.throws(() => readConfig({ POLLUX_TLS_CERT: 'a.pem' }), {
    errors: [{ path: 'POLLUX_TLS_CERT' }],
  })
  t.throws(() => readConfig({ POLLUX_SECRET_KEY: 'a', POLLUX_SECRET_KEY_FILE: 'b' }), {
    errors: [{ path: 'POLLUX_SECRET_KEY' }],
  })
  t.throws(() => readConfig({ POLLUX_ADMIN_PASSWORD: 'short' }), {
    errors: [{ path: 'POLLUX_ADMIN_PASSWORD' }],
  })
})

t.test('a secret setting is never shown, and not in its error', async t => {
  const env = {
    POLLUX_ADMIN_PASSWORD: 'correct horse battery',
    POLLUX_MQTT_URL: 'mqtt://u:hidden-pw@h',
  }
  const shown = JSON.stringify(shownSettings(readConfig(env), env))
  t.notMatch(shown, /correct horse|hidden-pw/)
  t.match(shown, /set, hidden/)
  try {
    readConfig({ POLLUX_MQTT_URL: 'http://u:hidden-pw@h' })
    t.fail('accepted')
  } catch (error) {
    t.match(error, { errors: [{ path: 'POLLUX_MQTT_URL' }] })
    t.notMatch(JSON.stringify(error), /hidden-pw/)
  }
})

t.test('help lists every setting', async t => {
  for (const { name } of SETTINGS) t.match(settingsHelp(), name)
})
