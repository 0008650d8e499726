// An agent follows the config of its device by itself, and says so in what it sends. That becomes the
// receipt of the config: the device's page shows that it is in force.

import type { EventTeller } from '../alarms/teller.ts'
import type { Bus } from '../bus/contract.ts'
import { receiptTopic } from '../bus/topics.ts'
import type { Directory } from '../devices/directory.ts'
import type { Logger } from '../log.ts'
import type { AcceptedCollection } from '../model/accepted.ts'
import type { Receipt } from '../model/collection.ts'
import type { Device } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { messageOf } from '../model/errors.ts'
import { THIS_MACHINE } from './first-start.ts'

/** The group and metric by which an agent says how often it measures, s; 0: it pauses. */
const GROUP = 'host'
const METRIC = 'interval'
/** How far the times of an agent may be off ours (agent/clock), with some room, ms. */
const clockMsMax = 5000

interface Parts {
  bus: Bus
  site: string
  directory: Directory
  log: Logger
}

/** Hears what judge of states hears, and gives it on. */
export function hearSettings(teller: EventTeller, parts: Parts): EventTeller {
  const { bus, site, directory, log } = parts
  /** By device: the version of its config that its agent was heard to follow. */
  const followed = new Map<string, Pick<Device, 'uid' | 'version'>>()

  function hear(device: Device, collection: AcceptedCollection): void {
    const { uid, version, updatedAt } = device
    const { id } = device.config
    const before = followed.get(id)
    if (before?.uid === uid && before.version === version) return
    // What was measured before the change, and comes late, says nothing about it.
    if (collection.at < updatedAt - clockMsMax) return
    const told = collection.metrics.get(METRIC)?.[0]
    if (typeof told !== 'number' || told * 1000 !== intervalAsked(device)) return
    followed.set(id, { uid, version })
    const receipt: Receipt = { stage: 'loaded', at: collection.at, version }
    bus.publish(receiptTopic(site, id), JSON.stringify(receipt)).catch(error => {
      log.debug({ device: id, cause: messageOf(error) }, 'a receipt was not sent')
    })
  }

  return {
    ...teller,
    collection(known, collection) {
      if (known.kind === 'agent' && collection.group === GROUP) {
        const device = directory.get(known.id)
        // The agent of this machine is in this process, and gives its receipts itself.
        if (device?.uid === known.uid && known.id !== THIS_MACHINE) hear(device, collection)
      }
      teller.collection(known, collection)
    },
    forget(id) {
      followed.delete(id)
      teller.forget(id)
    },
  }
}

function intervalAsked({ config }: Device): number {
  return config.enabled ? parseDuration(config.every) : 0
}
