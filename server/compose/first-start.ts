// What only the first start does: an admin with a password made on the spot, and this machine as a
// device. Both are remembered in the settings, so that what a person deleted does not come back.

import { hostname } from 'node:os'
import type { Audit } from '../audit.ts'
import { addUser } from '../auth/auth.ts'
import type { Devices } from '../devices/contract.ts'
import { AppError } from '../model/errors.ts'
import type { Store } from '../store/contract.ts'

const SYSTEM = { name: 'system', address: '' }
export const THIS_MACHINE = 'this-machine'

/** The admin's name and password where one was made just now; null otherwise. */
export async function firstAdmin(
  store: Store,
  audit: Audit,
  password: string | null,
): Promise<{ name: string; password: string | null } | null> {
  if ((await store.users.count()) > 0) return null
  try {
    const made = await addUser(store.users, {
      name: 'admin',
      role: 'admin',
      password,
      at: Date.now(),
    })
    await audit.record(SYSTEM, 'user.create', 'user:admin', { after: { role: 'admin' } })
    return { name: 'admin', password: password === null ? made.password : null }
  } catch (error) {
    // Two processes on one new database: the other one was first.
    if (error instanceof AppError && error.code === 'E_USER_EXISTS') return null
    throw error
  }
}

/** Adds this machine as a device, once in the life of a database. */
export async function firstDevice(store: Store, devices: Devices): Promise<void> {
  if ((await store.settings.get('this-machine.added')) !== null) return
  if (!(await devices.get(THIS_MACHINE))) {
    const name = hostname().slice(0, 100) || 'this machine'
    const document = { id: THIS_MACHINE, name, kind: 'agent', every: '5s' }
    await devices.create(document, SYSTEM, 'built-in')
  }
  // Last: a start that was cut short before must not leave a database without this machine.
  await store.settings.put('this-machine.added', '1')
}
