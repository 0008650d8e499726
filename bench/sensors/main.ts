// The simulated sensors as a program, forked: it tells which devices map them and where they publish,
// is told the broker and an account, and publishes as real ones do until the parent is gone.

import Type from 'typebox'
import { connectBus } from '../../server/bus/client.ts'
import { createLog } from '../../server/log.ts'
import { parser } from '../../server/validate.ts'
import { allSensors, type Published, SENSOR_DEVICES, SENSOR_TOPICS } from './models.ts'

const parseOrder = parser(
  Type.Object({
    url: Type.String(),
    username: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
  }),
  'E_SENSORS',
  'the order to the simulated sensors',
)

process.once('message', message => {
  const { url, username, password } = parseOrder(message)
  const bus = connectBus({
    url,
    clientId: 'demo-sensors',
    ...(username !== undefined && password !== undefined && { username, password }),
    log: createLog('silent'),
  })
  const publish = ({ topic, payload }: Published) => {
    // A sensor has no spool: what it cannot send is lost.
    bus.publish(topic, payload).catch(() => undefined)
  }
  const started = performance.now()
  for (const sensor of allSensors()) {
    const say = () => {
      const seconds = (performance.now() - started) / 1000
      for (const published of sensor.publish(seconds, Date.now())) publish(published)
    }
    setInterval(say, sensor.everyS * 1000)
    const stop = bus.onState(connected => {
      if (connected) say()
    })
    process.once('exit', stop)
  }
})
process.send?.({ devices: SENSOR_DEVICES, topics: SENSOR_TOPICS })
const end = () => process.exit(0)
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.once('disconnect', end)
