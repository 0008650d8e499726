// `pollux profiles try --mqtt` over a real broker: what a mapping makes of live messages, a mapping of
// one's own in a file, and what is said where nothing comes.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { embeddedBroker } from '../parts/broker.ts'
import { until } from '../parts/find.ts'
import { profilesShell } from './profiles-run.ts'

t.setTimeout(600_000)

t.test('live messages, by our mappings and by a file', async t => {
  const broker = await embeddedBroker(t)
  const url = broker.url.replace('mqtt://', `mqtt://core:${encodeURIComponent(broker.password)}@`)
  const sensor = broker.connect()
  await until(() => sensor.connected, 'the sensor is connected')
  const talking = setInterval(() => {
    const say = (topic: string, text: string) =>
      void sensor.publish(topic, text).catch(() => undefined)
    say('tele/plug/SENSOR', '{"Time":"2017-02-16T10:13:52","DS18B20":{"Temperature":20.6}}')
    say('tele/plug/SENSOR', 'no JSON')
    say('brew/kettle', '{"t": 65.25, "phase": "mash"}')
  }, 100)
  t.teardown(() => clearInterval(talking))
  const { folder, profiles } = await profilesShell(t)

  const ours = await profiles([
    'try',
    '--mqtt',
    url,
    '--topic',
    'tele/+/SENSOR',
    '--messages',
    '4',
    '--for',
    '60s',
    '--json',
  ])
  t.equal(ours.code, 0)
  t.match(ours.lines[0], {
    topics: ['tele/+/SENSOR'],
    messages: { received: 4, mapped: 2 },
    samples: [
      {
        metric: 'tasmota_sensor.temperature',
        row: 'plug|DS18B20',
        value: 20.6,
        gap: null,
        unit: 'Cel',
      },
    ],
    tables: { tasmota_sensor: [{ name: 'plug DS18B20' }] },
    skipped: [{ reason: 'format', count: 2, example: 'tele/plug/SENSOR' }],
  })
  t.notMatch(JSON.stringify(ours.lines), broker.password, 'the password is not repeated')

  const mapping = {
    title: 'Brewery',
    source: 'mqtt',
    tables: {
      kettle: {
        title: 'Kettles',
        message: { topic: 'brew/+', row: ['topic:2'] },
        metrics: {
          temperature: { title: 'Temperature', unit: 'Cel', path: 't' },
          phase: { title: 'Phase', path: 'phase', states: { idle: 'idle', mash: 'mashing' } },
        },
      },
    },
  }
  await writeFile(path.join(folder, 'brewery.json'), JSON.stringify(mapping))
  const own = await profiles([
    'try',
    '--mqtt',
    url,
    '--topic',
    'brew/#',
    '--profile',
    'brewery.json',
    '--messages',
    '1',
  ])
  t.equal(own.code, 0)
  t.match(own.stdout, /kettle\.temperature \[kettle\] = 65\.3 °C|65\.25 °C/)

  const nothing = await profiles(['try', '--mqtt', url, '--topic', 'silent/#', '--for', '1s'])
  t.equal(nothing.code, 1)
  t.match(nothing.stdout, /nothing came/)
  const wrong = await profiles([
    'try',
    '--mqtt',
    url.replace(/core:[^@]*/, 'core:wrong'),
    '--topic',
    'a',
    '--for',
    '1s',
  ])
  t.equal(wrong.code, 1)
  t.match(`${wrong.stdout}${wrong.stderr}`, /password/)
})

t.test('wrong usage is told, and nothing is connected', async t => {
  const { profiles } = await profilesShell(t)
  const url = 'mqtt://127.0.0.1:1'
  for (const args of [
    ['--mqtt', url],
    ['--mqtt', url, '--topic', 'a', '--for', '1d'],
    ['--mqtt', url, '--topic', 'a', '--for', 'soon'],
    ['--mqtt', url, '--topic', 'a', '--messages', '0'],
  ]) {
    const ran = await profiles(['try', ...args])
    t.equal(ran.code, 2, args.join(' '))
  }
})
