// What the programs of a failure run say to each other, and what one collection of the load holds.

import type { SenderLedger } from '../../server/bus/contract.ts'

export const GROUP = 'load'
export const ROWS = 20

export interface LoadJob {
  url: string
  site: string
  /** Of the spool. */
  dir: string
  devices: number
  seconds: number
  /** Time of the first collections, Unix ms; each next tick is a second later. */
  from: number
  /** Null: the spool's own bound. */
  memoryBytesMax: number | null
}

/** A line of the load. */
export interface LoadState {
  done: boolean
  /** Times at which each device was sent once. */
  ticks: number
  ledger: SenderLedger
  resent: number
  spoolBytesPeak: number
  rssKb: number
}

export interface ReceiverJob {
  url: string
  site: string
  database: string
}

/** A line of the receiver: after each commit. */
export interface ReceiverState {
  /** Collections that this run of it has stored. */
  stored: number
  duplicate: number
  rssKb: number
}

export const deviceName = (i: number) => `dev-${i}`

/** Said back by the database, it shows that it is the value of this device and time. */
export const markOf = (device: number, tick: number) => tick * 1000 + device

const rows = Array.from({ length: ROWS }, (_, row) => `Gi1/0/${row}`)
const rest = ['out', 'errors', 'percent', 'oper'].map(
  (name, k) => `"${name}":[${rows.map((_, row) => (k === 2 ? row + 0.5 : row * 10 ** k))}]`,
)

/** 100 series: 20 rows of 5 metrics. */
export function collectionOf(at: number, device: number, tick: number): string {
  const n = `"n":[${new Array(ROWS).fill(markOf(device, tick))}]`
  return `{"at":${at},"took":41,"ok":true,"rows":${JSON.stringify(rows)},"metrics":{${n},${rest}}}`
}
