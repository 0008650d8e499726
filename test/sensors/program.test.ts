// Sensors through the whole program: added like any device, heard on the embedded broker, stored once
// and acknowledged, shown on the page; silent and unknown ones say so, and the rest goes on.

import t from 'tap'

import { mosquittoBroker } from '../parts/broker.ts'
import { until } from '../parts/find.ts'
import { startTestProgram } from '../web/program.ts'

const by = { name: 'test', address: '' }

t.setTimeout(600_000)

t.test('a weather station and a relay, over Mosquitto', async t => {
  const broker = await mosquittoBroker(t)
  const url = broker.url.replace('mqtt://', `mqtt://core:${encodeURIComponent(broker.password)}@`)
  const {
    program,
    url: pages,
    signIn,
  } = await startTestProgram(t, {
    env: { POLLUX_MQTT_URL: url, POLLUX_SITE: 'test' },
  })
  const sensor = broker.connect()
  await until(() => sensor.connected, 'the sensor is connected')
  const { cookie } = await signIn()
  const get = async (path: string) =>
    (await fetch(`${pages}${path}`, { headers: { cookie } })).text()
  const latest = async (id: string) => {
    const answer: unknown = JSON.parse(await get(`/api/v1/devices/${id}/latest`))
    return JSON.stringify(answer)
  }

  await program.devices.create(
    {
      id: 'roof',
      kind: 'mqtt',
      topics: ['weather/+/json'],
      profiles: ['mqtt-weather'],
      every: '2s',
    },
    by,
    'api',
  )
  await program.devices.create(
    { id: 'home', kind: 'mqtt', topics: ['shellies/#', 'weather/#'] },
    by,
    'api',
  )
  let temperature = 20
  const say = async () => {
    temperature = 20 + ((temperature + 0.5) % 10)
    await sensor.publish(
      'weather/roof/json',
      JSON.stringify({
        temperature_C: temperature,
        humidity: 50,
        wind_avg_m_s: 3,
        wind_dir_deg: 90,
      }),
    )
    await sensor.publish('shellies/plug/relay/0/power', '25.5', { qos: 1 })
    await sensor.publish('weather/roof/json', 'not JSON')
  }
  const talking = setInterval(() => void say().catch(() => undefined), 200)
  t.teardown(() => clearInterval(talking))
  await until(async () => /"weather.temperature"/.test(await latest('roof')), 'and stored')
  await until(async () => /"shelly_switch.power"/.test(await latest('home')), 'so is the relay')
  t.match(await latest('roof'), /"row":"weather\/roof\/json\|"/)
  t.notMatch(await latest('home'), /weather/, 'what it has no mapping for is not stored')
  await until(async () => program.devices.status('roof')?.state === 'up', 'it is up')
  await until(
    async () => /\/charts\/weather\/temperature/.test(await get('/devices/roof')),
    'its page with charts',
  )
  await until(
    async () => /Set aside: sensor-format/.test(await get('/settings')),
    'what was no JSON is shown with its example',
  )
  t.match(await get('/settings'), /Sender “sensors”/)

  clearInterval(talking)
  await until(() => program.devices.status('roof')?.state === 'down', 'a silent station is down')
  t.equal(program.devices.status('roof')?.reason, 'timeout')
  await say()
  await until(() => program.devices.status('roof')?.state === 'up', 'and up with the next message')

  const stored = await program.devices.get('roof')
  t.ok(stored?.identity?.profiles.includes('mqtt-weather'))
  await program.devices.update(
    'roof',
    { ...stored?.config, topics: ['garden/+'] },
    stored?.version ?? 0,
    by,
  )
  const again = setInterval(() => {
    void sensor.publish('garden/g', '{"temperature_C": 5}').catch(() => undefined)
  }, 200)
  t.teardown(() => clearInterval(again))
  await until(
    async () => /garden\/g/.test(await latest('roof')),
    'another topic, without a restart',
  )
})
