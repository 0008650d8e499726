// A small living network on loopback: switches, servers and a UPS, each an SNMP agent on a port of
// its own. A port flaps, a disk fills, a server dies and returns; who hangs on whom is in wiring.ts.

import { type SimulatedAgent, startSimulatedAgent } from './agent.ts'
import { type Model, serverModel, switchModel, upsModel } from './models.ts'
import { addNeighbours } from './wiring.ts'

const TICK_MS = 1000
/** The dying server is silent for 75 s of every 6 minutes. */
const LIFE_S = 360
const DEAD_S = 75
const FIRST_DEATH_S = LIFE_S - DEAD_S

export interface SimulatedDevice {
  id: string
  name: string
  location: string
  tags: string[]
  port: number
}

export interface Network {
  host: string
  community: string
  devices: SimulatedDevice[]
  /** Requests answered by all agents. */
  answered(): number
  agent(id: string): SimulatedAgent | undefined
  close(): Promise<void>
}

interface Plan {
  id: string
  location: string
  tags: string[]
  dies?: boolean
  model: (common: { name: string; location: string; now: () => number; seed: number }) => Model
}

const PLANS: readonly Plan[] = [
  {
    id: 'core-sw-01',
    location: 'hall 1',
    tags: ['core'],
    model: c => switchModel({ ...c, ports: 24 }),
  },
  {
    id: 'core-sw-02',
    location: 'hall 2',
    tags: ['core'],
    model: c => switchModel({ ...c, ports: 24 }),
  },
  {
    id: 'acc-sw-11',
    location: 'hall 1',
    tags: ['access'],
    model: c => switchModel({ ...c, ports: 48, flappingPort: 7 }),
  },
  {
    id: 'acc-sw-12',
    location: 'hall 1',
    tags: ['access'],
    model: c => switchModel({ ...c, ports: 48, erroringPort: 5 }),
  },
  {
    id: 'acc-sw-21',
    location: 'hall 2',
    tags: ['access'],
    model: c => switchModel({ ...c, ports: 48 }),
  },
  {
    id: 'acc-sw-22',
    location: 'hall 2',
    tags: ['access'],
    model: c => switchModel({ ...c, ports: 24 }),
  },
  {
    id: 'app-01',
    location: 'rack a',
    tags: ['linux'],
    model: c => serverModel({ ...c, cores: 4 }),
  },
  {
    id: 'app-02',
    location: 'rack a',
    tags: ['linux'],
    dies: true,
    model: c => serverModel({ ...c, cores: 4 }),
  },
  {
    id: 'db-01',
    location: 'rack b',
    tags: ['linux', 'database'],
    model: c => serverModel({ ...c, cores: 8, fillingDisk: true }),
  },
  {
    id: 'backup-01',
    location: 'rack b',
    tags: ['linux'],
    model: c => serverModel({ ...c, cores: 2 }),
  },
  { id: 'ups-rack-a', location: 'rack a', tags: ['power'], model: c => upsModel(c) },
  { id: 'ups-rack-b', location: 'rack b', tags: ['power'], model: c => upsModel(c) },
]

/**
 * @param options.basePort the devices take ports from here up; 0: any free ones
 * @param options.firstDeathS seconds after the start at which the dying server is first silent
 */
export async function startNetwork(
  options: { host?: string; basePort?: number; firstDeathS?: number; community?: string } = {},
): Promise<Network> {
  const host = options.host ?? '127.0.0.1'
  const community = options.community ?? 'public'
  const started = performance.now()
  const now = () => (performance.now() - started) / 1000
  const running: { plan: Plan; model: Model; agent: SimulatedAgent }[] = []
  const close = async () => {
    clearInterval(timer)
    for (const { agent } of running) await agent.close()
  }
  let timer: NodeJS.Timeout | undefined
  const ids = PLANS.map(({ id }) => id)
  try {
    for (const [at, plan] of PLANS.entries()) {
      const model = plan.model({ name: plan.id, location: plan.location, now, seed: at })
      addNeighbours(model.objects, plan.id, ids)
      const port = options.basePort ? options.basePort + at : 0
      running.push({
        plan,
        model,
        agent: await startSimulatedAgent({ host, port, community, objects: model.objects }),
      })
    }
  } catch (error) {
    await close()
    throw error
  }
  let last = now()
  timer = setInterval(() => {
    const elapsed = now() - last
    last += elapsed
    for (const { plan, model, agent } of running) {
      model.tick(elapsed)
      const since = now() - (options.firstDeathS ?? FIRST_DEATH_S)
      const dead = plan.dies === true && since >= 0 && since % LIFE_S < DEAD_S
      if (agent.silent && !dead && plan.dies) model.restart()
      if (plan.dies) agent.silent = dead
    }
  }, TICK_MS)
  return {
    host,
    community,
    devices: running.map(({ plan, agent }) => ({
      id: plan.id,
      name: plan.id,
      location: plan.location,
      tags: plan.tags,
      port: agent.port,
    })),
    answered: () => running.reduce((sum, { agent }) => sum + agent.answered, 0),
    agent: id => running.find(({ plan }) => plan.id === id)?.agent,
    close,
  }
}
