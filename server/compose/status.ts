// How the running parts do, in words: the sections of the settings page, the same of ingest for
// programs, and the health of what pages and samples need.

import type { SpoolingSender } from '../bus/sender.ts'
import type { DeviceFiles } from '../devices/files.ts'
import type { Ingest } from '../ingest/contract.ts'
import { messageOf } from '../model/errors.ts'
import type { SetAsideRegister } from '../model/setaside.ts'
import type { Poller } from '../poll/contract.ts'
import type { Store, StuckRollUps } from '../store/contract.ts'
import type { IngestAnswer } from '../web/api/ingest.ts'
import { setAsideRows } from './set-aside.ts'
import { type Observed, refusedOf } from './telemetry.ts'

export interface StatusSection {
  title: string
  rows: { name: string; value: string; meaning: string }[]
}

export interface StatusParts extends Observed {
  files: DeviceFiles | null
  store: Store
  refusals: SetAsideRegister
}

/** How the running parts do, for the settings page. */
export function statusSections({
  ingest,
  poller,
  senders,
  bus,
  files,
  store,
  refusals,
}: StatusParts): StatusSection[] {
  const sections: StatusSection[] = [
    {
      title: 'Sample path',
      rows: [
        {
          name: 'Broker',
          value: bus.connected ? 'connected' : `away: ${bus.lastError ?? 'connecting'}`,
          meaning: 'the joint between pollers and store',
        },
        {
          name: 'Store',
          value: ingest?.stats().storeError ?? store.dialect,
          meaning: 'where samples are kept',
        },
        ...stuckRows(store.maintenance.stuck()),
        ...Object.entries(senders).flatMap(([name, sender]) => senderRows(name, sender)),
      ],
    },
  ]
  const refused = setAsideRows(refusals)
  if (ingest) sections.push({ title: 'Ingest', rows: [...ingestRows(ingest), ...refused] })
  if (poller) sections.push({ title: 'Polling', rows: pollingRows(poller) })
  if (files) sections.push({ title: 'Device files', rows: fileRows(files) })
  return sections
}

type Row = StatusSection['rows'][number]

const count = (value: number): string => Math.round(value).toLocaleString('en')

function pollingRows(poller: Poller): Row[] {
  const polls = poller.stats()
  const ms = (value: number) => `${count(value)} ms`
  return [
    { name: 'Devices', value: count(polls.devices), meaning: 'polled by this process' },
    ...polls.threads.map(thread => ({
      name: `Thread ${thread.id}`,
      value: `${thread.devices} devices, ${Math.round(thread.busy * 100)} % busy, ${Math.round(thread.heapMb)} MB`,
      meaning: thread.state,
    })),
    {
      name: 'Reads',
      value: `${count(polls.reads.good)} good, ${count(polls.reads.failed)} failed, ${count(polls.reads.lost)} lost`,
      meaning: 'since the start',
    },
    {
      name: 'Lateness',
      value: `half of the reads within ${ms(polls.lateness.p50)}, 99 of 100 within ${ms(polls.lateness.p99)}, the latest ${ms(polls.lateness.max)}`,
      meaning: `how long after its slot a read began, over the last ${count(polls.lateness.samples)}`,
    },
    {
      name: 'Slots without a read',
      value: `${count(polls.schedule.silent)} of silent devices, ${count(polls.schedule.overruns)} overrun, ${count(polls.schedule.backedOff)} left out after failures`,
      meaning: `since the start; silent devices were probed ${count(polls.schedule.probes)} times`,
    },
    {
      name: 'SNMP dropped',
      value: Object.entries(polls.snmpDrops)
        .map(([reason, drops]) => `${count(drops)} ${reason}`)
        .join(', '),
      meaning: 'datagrams since the start that were no answer to an open request',
    },
  ]
}

function fileRows(files: DeviceFiles): Row[] {
  const problems = files.problems()
  if (problems.length > 0) {
    return problems.map(({ file, message, hint }) => ({
      name: file,
      value: message,
      meaning: hint,
    }))
  }
  const meaning = 'every file of the devices folder is in use'
  return [{ name: 'Problems', value: 'none', meaning }]
}

function senderRows(name: string, { ledger, stats }: SpoolingSender): Row[] {
  const { sent, stored, refused, dropped, waiting } = ledger
  const { bytes, files, diskError, lost } = stats.spool
  return [
    {
      name: `Sender “${name}”`,
      value: `${count(sent)} sent = ${count(stored)} stored + ${count(refused)} refused + ${count(dropped)} dropped + ${count(waiting)} waiting`,
      meaning: 'collections and row lists, since this data folder was made or the program started',
    },
    {
      name: `Spool “${name}”`,
      value:
        diskError ??
        `${(bytes / 2 ** 20).toFixed(1)} MB in ${files === 1 ? '1 file' : `${count(files)} files`}${lost > 0 ? `, ${count(lost)} records lost to a damaged disk` : ''}`,
      meaning: 'kept on disk until the database has them',
    },
  ]
}

/** Nothing is wrong: nothing is said. */
export function stuckRows(stuck: StuckRollUps | null): Row[] {
  if (!stuck) return []
  const since = new Date(stuck.since).toISOString().slice(0, 16).replace('T', ' ')
  return [
    {
      name: 'Roll-ups that fail',
      value: `${count(stuck.count)}, since ${since} UTC: ${stuck.error}`,
      meaning:
        'their samples are kept, and devices that go to a shorter class wait; the log names them',
    },
  ]
}

function ingestRows(ingest: Ingest): Row[] {
  const taken = ingest.stats()
  const { recent } = taken
  const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
  const slowest =
    recent.commitShare > recent.acceptShare ? 'writing to the store' : 'reading messages'
  return [
    {
      name: 'Rate',
      value: `${count(recent.messagesPerSecond)} messages/s, ${count(recent.samplesPerSecond)} samples/s`,
      meaning: 'over the last minute',
    },
    {
      name: 'Waiting',
      value: `${count(taken.queued)} for the store, ${count(taken.partsHeld)} parts for the others of their collection`,
      meaning: 'senders keep what is not acknowledged',
    },
    {
      name: 'Slowest step',
      value: `${slowest}: ${percent(Math.max(recent.commitShare, recent.acceptShare))} of the time${recent.commitMs === null ? '' : `, ${recent.commitMs.toFixed(1)} ms a batch`}`,
      meaning: 'at 100 % senders are slowed down',
    },
    {
      name: 'Taken',
      value: `${count(taken.stored)} stored, ${count(taken.duplicate)} sent twice, ${count(refusedOf(ingest))} refused, ${count(taken.dropped)} dropped`,
      meaning: 'since the start, from every sender',
    },
    {
      name: 'Lost on the way',
      value: `${count(taken.acksLost)} acknowledgements, ${count(taken.partsIncomplete)} parts, ${count(taken.liveErrors)} live values`,
      meaning: 'acknowledgements are repeated, live values filled again',
    },
  ]
}

/** The section "Ingest" for programs. */
export function ingestAnswer({ ingest, refusals }: StatusParts): IngestAnswer | null {
  if (!ingest) return null
  const { recent, queued, partsHeld, received, stored, duplicate, dropped, storeError } =
    ingest.stats()
  const { messagesPerSecond, samplesPerSecond } = recent
  return {
    ...{ messagesPerSecond, samplesPerSecond, queued, partsHeld },
    ...{ received, stored, duplicate, refused: refusedOf(ingest), dropped, storeError },
    setAside: refusals.list(),
  }
}

/** The parts that pages and samples need, each with a word on how it is. */
export async function healthOf({
  ingest,
  bus,
  store,
}: StatusParts): Promise<{ name: string; ok: boolean; text: string }[]> {
  const database = await store.ping().then(
    () => ({ ok: true, text: store.dialect }),
    (error: unknown) => ({ ok: false, text: messageOf(error) }),
  )
  const parts = [
    { name: 'Database', ...database },
    {
      name: 'MQTT broker',
      ok: bus.connected,
      text: bus.connected ? 'connected' : (bus.lastError ?? 'connecting'),
    },
  ]
  if (!ingest) return parts
  const { storeError } = ingest.stats()
  const text = storeError ?? 'storing what comes'
  return [...parts, { name: 'Ingest', ok: storeError === null, text }]
}
