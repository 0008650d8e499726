// A role that one process at a time has: polling (two would read every device twice) and judging. Held by a
// lease in the database. Whoever comes second is refused, and takes over once the first is gone.

import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessRole } from '../config.ts'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Lease, LeaseStore } from '../store/contract.ts'
import type { Lifecycle } from './lifecycle.ts'

const beatMs = 5000
/** A holder whose beat stands still for so long is gone, ms. */
const goneMs = 20_000
const lookMs = 1000

/** Roles that only one process may have. */
const SINGLE: readonly ProcessRole[] = ['poll', 'judge']

export interface SeatParts {
  leases: LeaseStore
  /** This process, for as long as its data folder lives: started again it goes on at once. */
  holder: string
  life: Lifecycle
  log: Logger
  /** Another process has the role now: this one must stop. */
  onLost: (error: AppError) => void
}

/**
 * Takes those of the roles that only one process may have.
 * @throws AppError E_ROLE_TAKEN where another process has one
 */
export async function takeSeats(roles: readonly ProcessRole[], parts: SeatParts): Promise<void> {
  for (const role of roles.filter(one => SINGLE.includes(one))) {
    const lease = await take(role, parts)
    const { leases, life, log, onLost } = parts
    const beat = async () => {
      if (await leases.beat(lease)) return
      clearInterval(timer)
      onLost(taken(role))
    }
    const timer = setInterval(() => {
      // While the database is away nobody else can take it either.
      beat().catch(error => log.debug({ role, error: messageOf(error) }, 'the lease waits'))
    }, beatMs)
    life.started(`role ${role}`, async () => {
      clearInterval(timer)
      await leases.release(lease)
    })
  }
}

async function take(role: ProcessRole, { leases, holder, log }: SeatParts): Promise<Lease> {
  const name = `role.${role}`
  const first = await leases.look(name)
  const since = performance.now()
  for (let seen = first; ; seen = await leases.look(name)) {
    const isMine = seen === null || seen.holder === '' || seen.holder === holder
    const isStill = seen?.epoch === first?.epoch && seen?.beat === first?.beat
    if (!isMine && !isStill) throw taken(role)
    if (isMine || performance.now() - since >= goneMs) {
      const lease = await leases.take(name, holder, seen)
      if (lease) return lease
      throw taken(role)
    }
    if (seen === first) log.info({ role }, 'another process has this role: is it alive?')
    await delay(lookMs)
  }
}

const taken = (role: ProcessRole): AppError =>
  new AppError('E_ROLE_TAKEN', `another process has the role "${role}"`, {
    hint: 'one process at a time has it: stop the other one, or leave this one to be started again until it is gone',
  })
