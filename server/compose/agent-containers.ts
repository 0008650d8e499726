// A host whose agent began to read its Docker engine after it enrolled: the first containers that come
// make them a part of its page.

import type { EventTeller } from '../alarms/teller.ts'
import type { Directory } from '../devices/directory.ts'
import type { Logger } from '../log.ts'
import type { Store } from '../store/contract.ts'
import { CONTAINER_GROUP } from '../web/containers.ts'
import { withContainers } from './agent-identity.ts'
import type { Catalogues } from './catalogues.ts'

interface Parts {
  store: Store
  directory: Directory
  catalogues: Catalogues
  log: Logger
}

/** Hears what judge of states hears, and gives it on. */
export function hearContainers(teller: EventTeller, parts: Parts): EventTeller {
  const { store, directory, catalogues, log } = parts
  /** Devices whose identity is being written. */
  const busy = new Set<number>()

  async function add(id: string): Promise<void> {
    const device = directory.get(id)
    if (!device?.identity || busy.has(device.uid)) return
    const { uid, config } = device
    const identity = withContainers(device.identity, config, catalogues.watch.catalogue)
    if (!identity) return
    busy.add(uid)
    try {
      await store.devices.setIdentity(uid, identity)
      await directory.refresh()
      log.info({ device: id }, 'the agent of this host reads its containers')
    } finally {
      busy.delete(uid)
    }
  }

  return {
    ...teller,
    collection(device, collection) {
      if (device.kind === 'agent' && collection.group === CONTAINER_GROUP) {
        add(device.id).catch(error => {
          log.warn({ device: device.id, err: error }, "a host's containers were not added to it")
        })
      }
      teller.collection(device, collection)
    },
  }
}
