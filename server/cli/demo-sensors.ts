// The demo's sensors: a program of their own that publishes by an account on the broker, as real ones
// would, and the devices that map what it says.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Type from 'typebox'
import { reachable } from '../compose/ground.ts'
import type { Program } from '../compose/program.ts'
import type { Config } from '../config.ts'
import { parser } from '../validate.ts'

const USERNAME = 'demo-sensors'

const parseOffer = parser(
  Type.Object({
    devices: Type.Array(Type.Object({ id: Type.String() })),
    topics: Type.Array(Type.String()),
  }),
  'E_SENSORS',
  'what the simulated sensors said',
)

/** Adds the devices and starts their sensors; gives the process, to be ended with the demo. */
export async function startDemoSensors(program: Program, config: Config): Promise<ChildProcess> {
  const main = fileURLToPath(new URL('../../bench/sensors/main.ts', import.meta.url))
  const child = fork(main, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const said: unknown[] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  const { devices, topics } = parseOffer(said[0])
  const by = { name: 'demo', address: '' }
  for (const device of devices) {
    const document = { ...device, kind: 'mqtt', every: '10s' }
    const stored = await program.devices.get(device.id)
    if (stored) await program.devices.update(device.id, document, stored.version, by)
    else await program.devices.create(document, by, 'built-in')
  }
  child.send(await orderOf(program, config, topics))
  return child
}

async function orderOf({ broker }: Program, config: Config, topics: string[]) {
  // An outside broker's users are not ours to make.
  if (config.mqttUrl !== null) return { url: config.mqttUrl }
  const account = await broker.accounts.issue({
    username: USERNAME,
    role: 'sensor',
    publish: topics,
    subscribe: [],
  })
  return { url: `mqtt://${reachable(config.mqttListen.host)}:${broker.port}`, ...account }
}
