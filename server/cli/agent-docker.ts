// The containers of this host for `pollux agent --docker`: the reader of Docker engines that the server
// has too, as what the agent reads beside its host. It only asks, with GET alone.

import type { Extra, OpenExtra } from '../../agent/beside.ts'
import { addressPolicy } from '../addresses.ts'
import { dockerCollector } from '../collectors/docker.ts'
import { parseEngineAddress } from '../docker/address.ts'
import type { Logger } from '../log.ts'
import { CONTAINERS_PROFILE } from '../model/agent.ts'
import { DEVICE_DEFAULTS } from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { SHIPPED_PROFILES_DIR } from '../paths.ts'
import { buildCatalogue } from '../profiles/build.ts'
import { EncodedCollection } from '../profiles/encoded.ts'
import { loadSources } from '../profiles/load.ts'

/** Time limit of each call to the engine. */
const CALL_TIMEOUT = '5s'

/**
 * @param address `unix:///path` or `tcp://host:port`
 * @throws AppError E_AGENT_DOCKER
 */
export async function containersOf(
  address: string,
  every: string,
  log: Logger,
): Promise<OpenExtra> {
  checkAddress(address)
  const sources = await loadSources({ shippedDir: SHIPPED_PROFILES_DIR })
  const catalogue = buildCatalogue(sources.filter(({ id }) => id === CONTAINERS_PROFILE))
  const config = {
    ...DEVICE_DEFAULTS,
    ...{ id: 'engine', name: 'engine', kind: 'docker' as const },
    ...{ address, every, timeout: CALL_TIMEOUT, profiles: [CONTAINERS_PROFILE] },
  }
  // Who starts an agent says which engine of this host it reads: loopback is where a proxy listens.
  const surroundings = { catalogue, addresses: addressPolicy(['127.0.0.0/8', '::1/128']) }
  // Known from the start, so that a first read that fails is a gap of the containers.
  const identity = { at: 0, profiles: [CONTAINERS_PROFILE], chosenBecause: [], facts: {} }
  const target = { config, version: 1, secrets: {}, identity }
  let error = ''
  const tell = (now: string) => {
    if (now === error) return
    error = now
    if (error) log.warn({ address, error }, 'the Docker engine of this host cannot be read')
    else log.info({ address }, 'the Docker engine of this host is read')
  }
  return tellAgent => {
    const reader = dockerCollector.open(target, surroundings, ({ events, readSoon }) => {
      tellAgent({ ...(events && { events }), ...(readSoon && { readSoon }) })
    })
    const extra: Extra = {
      async collect(signal) {
        const { collections, rows, events = [] } = await reader.collect(Date.now(), signal)
        const failed = collections.find(({ body }) => !body.ok)
        tell(failed && !failed.body.ok ? failed.body.error : '')
        const plain = collections.map(({ group, body }) => ({
          group,
          body: body instanceof EncodedCollection ? body.read() : body,
        }))
        return { collections: plain, rows, events }
      },
      close: () => reader.close(),
    }
    return extra
  }
}

function checkAddress(address: string): void {
  try {
    if (parseEngineAddress(address, false).kind !== 'ssh') return
  } catch (cause) {
    throw wrong(messageOf(cause), cause)
  }
  throw wrong('an agent reads the engine of its own host, not one over ssh')
}

function wrong(message: string, cause?: unknown): AppError {
  return new AppError('E_AGENT_DOCKER', message, {
    ...(cause !== undefined && { cause }),
    hint: 'write --docker alone, or --docker=unix:///var/run/docker.sock, or tcp://127.0.0.1:2375 for a proxy',
  })
}
