// What comes back from pollers and judge about each device: receipts of a change, and the status.
// Kept in memory; statuses are retained by the broker, and receipts matter for minutes.

import type { Bus, BusMessage } from '../bus/contract.ts'
import { parseDeviceTopic, receiptsFilter, statusFilter } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import { DeviceStatus, Receipt } from '../model/collection.ts'
import { DeviceIdentity } from '../model/device.ts'
import { checker, parseJson } from '../validate.ts'

/** Steps kept for one device's newest change. */
const receiptsPerDeviceMax = 10
/** Devices remembered; beyond, the longest unheard of go. */
const devicesMax = 100_000

const checkStatus = checker(DeviceStatus)
const checkReceipt = checker(Receipt)
const checkIdentity = checker(DeviceIdentity)

type Listener = (id: string, change: { status?: DeviceStatus; receipt?: Receipt }) => void

export interface News {
  status(id: string): DeviceStatus | null
  receipts(id: string): Receipt[]
  /** A step that this process took itself. */
  add(id: string, receipt: Receipt): void
  onChange(listener: Listener): () => void
  forget(id: string): void
  close(): Promise<void>
}

export interface NewsOptions {
  bus: Bus
  site: string
  log: Logger
  /** A poller identified a device. */
  onIdentity: (id: string, identity: DeviceIdentity) => Promise<void>
}

export async function createNews({ bus, site, log, onIdentity }: NewsOptions): Promise<News> {
  const statuses = new Map<string, DeviceStatus>()
  const receipts = new Map<string, Receipt[]>()
  const listeners = new Set<Listener>()
  /** Device → the receipt being taken: the next one of that device waits for it. */
  const taking = new Map<string, Promise<void>>()
  const tell: Listener = (id, change) => {
    for (const listener of listeners) listener(id, change)
  }

  const add = (id: string, receipt: Receipt) => {
    const known = receipts.get(id) ?? []
    if (known.some(r => r.version > receipt.version)) return
    const same = known.filter(r => r.version === receipt.version && r.stage !== receipt.stage)
    receipts.delete(id)
    receipts.set(id, [...same, receipt].slice(-receiptsPerDeviceMax))
    bound(receipts)
    tell(id, { receipt })
  }

  const takeStatus = ({ topic, payload }: BusMessage) => {
    const at = parseDeviceTopic(topic)
    if (!at) return
    const checked = checkStatus(parseJson(payload))
    if (!checked.ok) return log.warn({ topic, errors: checked.errors }, 'a status that is none')
    statuses.delete(at.device)
    statuses.set(at.device, checked.value)
    bound(statuses)
    tell(at.device, { status: checked.value })
  }

  const takeOne = async (device: string, receipt: Receipt) => {
    const identity = checkIdentity(receipt.identity)
    // The identity is stored before the page is told to look at it.
    if (identity.ok) await onIdentity(device, identity.value)
    add(device, receipt)
  }

  const takeReceipt = async ({ topic, payload }: BusMessage) => {
    const device = topic.split('/').at(-1)
    const checked = checkReceipt(parseJson(payload))
    if (!device || !checked.ok) return log.warn({ topic }, 'a receipt that is none')
    const before = taking.get(device) ?? Promise.resolve()
    const now = before.then(() => takeOne(device, checked.value))
    const settled = now.catch(() => {})
    taking.set(device, settled)
    await now.finally(() => taking.get(device) === settled && taking.delete(device))
  }

  const stops = [
    await bus.subscribe(statusFilter(site), takeStatus),
    await bus.subscribe(receiptsFilter(site), takeReceipt),
  ]
  return {
    status: id => statuses.get(id) ?? null,
    receipts: id => receipts.get(id) ?? [],
    add,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    forget(id) {
      statuses.delete(id)
      receipts.delete(id)
    },
    async close() {
      listeners.clear()
      for (const stop of stops) await stop()
    },
  }
}

function bound(map: Map<string, unknown>): void {
  if (map.size <= devicesMax) return
  const oldest = map.keys().next()
  if (!oldest.done) map.delete(oldest.value)
}
