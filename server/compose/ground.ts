// The ground that the rest stands on: store, broker, and a free port for the pages. What fails here
// is named together, so that one start shows everything that stands in the way.

import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Accounts } from '../bus/accounts.ts'
import { startBroker } from '../bus/broker.ts'
import { connectBus } from '../bus/client.ts'
import { authorize, createPrincipals } from '../bus/principals.ts'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Store } from '../store/contract.ts'
import { type FolderLock, lockFolder } from '../store/lock.ts'
import { openStore } from '../store/open.ts'
import { brokerAccounts, signInWith } from './accounts.ts'
import type { Base, Connect } from './base.ts'

/** Pollux' own parts keep what the broker keeps in all. */
const unbounded = { topics: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }

/** Opens what the rest stands on; what fails is named together, so that one start shows it all. */
export async function openGround({ config, log, life, refusals }: Base): Promise<{
  store: Store
  connect: Connect
  accounts: Accounts
  /** Where the embedded broker listens. */
  brokerPort: number | null
}> {
  await makeDataDir(config.dataDir)
  const principals = createPrincipals()
  const signIn = signInWith(principals)
  const [lock, store, broker, port] = await Promise.allSettled([
    holdDataDir(config.dataDir, log),
    openStore({ url: config.databaseUrl, log }),
    config.mqttUrl === null
      ? startBroker({
          ...config.mqttListen,
          authenticate: signIn.authenticate,
          authorize,
          log,
          setAside: refusals,
        })
      : null,
    assertPortFree(config.host, config.port),
  ])
  if (lock.status === 'fulfilled') life.started('data folder', async () => lock.value.release())
  if (store.status === 'fulfilled') life.started('store', () => store.value.close())
  const embedded = broker.status === 'fulfilled' ? broker.value : null
  if (embedded) life.started('broker', () => embedded.close())
  const failures: unknown[] = [lock, store, broker, port].flatMap(part =>
    part.status === 'rejected' ? [part.reason] : [],
  )
  if (failures.length > 0 || store.status === 'rejected') throw cannotStart(failures)

  const connect: Connect = principal => {
    const clientId = `pollux-${principal.username}-${randomBytes(4).toString('hex')}`
    if (config.mqttUrl !== null) return connectBus({ url: config.mqttUrl, clientId, log })
    const { username, password } = principals.add({ retainedMax: unbounded, ...principal })
    const url = `mqtt://${reachable(config.mqttListen.host)}:${embedded?.port}`
    return connectBus({ url, username, password, clientId, protocol: 4, log })
  }
  const accounts = await brokerAccounts({
    ...{ store: store.value, broker: embedded, principals, signIn, connect, life, log },
  })
  return { store: store.value, connect, accounts, brokerPort: embedded?.port ?? null }
}

async function makeDataDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch(cause => {
    throw new AppError('E_DATA_DIR', `the data folder ${dir} cannot be made: ${messageOf(cause)}`, {
      cause,
      hint: 'check POLLUX_DATA_DIR, and that the user of this process may write there',
    })
  })
}

/** Two processes on one spool would lose what each other keeps there. */
async function holdDataDir(dir: string, log: Logger): Promise<FolderLock> {
  return lockFolder(dir, log)
}

function cannotStart(failures: readonly unknown[]): AppError {
  const errors = failures.map(failure => ({
    path: failure instanceof AppError ? failure.code : 'E_START',
    message: [messageOf(failure), failure instanceof AppError ? failure.hint : null]
      .filter(Boolean)
      .join(': '),
  }))
  return new AppError('E_START', 'Pollux cannot start', { errors, cause: failures[0] })
}

/** How this machine reaches a port that listens there. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function assertPortFree(host: string, port: number): Promise<void> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', cause => {
      reject(
        new AppError(
          'E_PORT_IN_USE',
          `${host}:${port} cannot be listened on (${messageOf(cause)})`,
          {
            cause,
            hint: 'another program may hold it: choose another POLLUX_PORT or POLLUX_HOST',
          },
        ),
      )
    })
    probe.listen(port, host, resolve)
  })
  await new Promise(resolve => probe.close(resolve))
}
