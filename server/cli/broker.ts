// A command's own connection to a broker: there, or the command ends with the reason.

import { randomBytes } from 'node:crypto'
import { connectBus, type MqttBus } from '../bus/client.ts'
import type { Logger } from '../log.ts'
import { AppError } from '../model/errors.ts'

/** How long the broker may take to let us in, ms. */
const connectMsMax = 10_000

export interface BrokerWish {
  url: string
  /** What the command does: a part of its client id. */
  purpose: string
  log: Logger
  /** Where the address comes from. */
  hint?: string
}

/** @throws AppError E_BUS_URL, and E_BUS_OFFLINE where no broker answered in time */
export async function connectedBus({ url, purpose, log, hint }: BrokerWish): Promise<MqttBus> {
  const clientId = `pollux-${purpose}-${randomBytes(4).toString('hex')}`
  const bus = connectBus({ url, clientId, log })
  if (await isConnected(bus)) return bus
  const { lastError } = bus
  await bus.close()
  throw new AppError('E_BUS_OFFLINE', `${new URL(url).host}: ${lastError ?? 'no answer'}`, {
    hint: hint ?? 'check the address, the user and the password of the broker',
  })
}

/** False: not in time. */
async function isConnected(bus: MqttBus): Promise<boolean> {
  const connected = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => connected.resolve(false), connectMsMax)
  const stopListening = bus.onState(isOn => isOn && connected.resolve(true))
  try {
    return await connected.promise
  } finally {
    clearTimeout(timer)
    stopListening()
  }
}
