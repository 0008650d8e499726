// Puts together what tells people of alarms: channels and routes, the outbox, who plans and sends.

import { deliveryPolicy } from '../addresses.ts'
import { createNotifyBook, type NotifyBook } from '../alarms/notify/book.ts'
import type { Tools } from '../alarms/notify/channel.ts'
import { createCourier } from '../alarms/notify/courier.ts'
import { createHeartbeat, type Heartbeat } from '../alarms/notify/heartbeat.ts'
import { type Notifier, startNotifier } from '../alarms/notify/notifier.ts'
import { createOutward } from '../alarms/notify/outward.ts'
import { createRouter } from '../alarms/notify/router.ts'
import type { Audit } from '../audit.ts'
import type { Bus } from '../bus/contract.ts'
import { noticeTopic } from '../bus/topics.ts'
import type { Directory } from '../devices/directory.ts'
import type { Secrets } from '../secrets.ts'
import type { Store } from '../store/contract.ts'
import type { Base } from './base.ts'
import type { Alarms } from './judge.ts'

export interface Notifications {
  book: NotifyBook
  notifier: Notifier
  heartbeat: Heartbeat
}

export function startNotifications(
  parts: Base & {
    bus: Bus
    store: Store
    directory: Directory
    audit: Audit
    alarms: Alarms
    seal: Secrets
    /** Names this process. */
    holder: string
  },
): Notifications {
  const { config, log, life, bus, store, directory, audit, alarms, seal, holder } = parts
  const { site, publicUrl } = config
  const { notices } = store
  const outward = createOutward(deliveryPolicy(config.allowNetworks))
  const tools: Tools = {
    outward,
    publish: (topic, payload) => bus.publish(noticeTopic(site, topic), payload),
  }
  const book = createNotifyBook({
    ...{ store: notices, secrets: store.secrets, seal, audit, tools, site, publicUrl },
  })
  const router = createRouter({
    ...{ alarms: store.alarms, notices, log },
    routes: () => book.routes(),
    whereOf(id) {
      const device = directory.get(id)
      if (!device) return null
      const { kind, tags = [], location = null } = device.config
      return { kind, tags, location }
    },
  })
  const courier = createCourier({
    ...{ notices, tools, site, publicUrl, holder, log },
    channel: id => book.open(id),
    perHour: id => book.perHour(id),
    onDone: () => notifier.nudge(),
  })
  const heartbeat = createHeartbeat({ url: () => book.heartbeatUrl(), outward, log })
  const notifier: Notifier = startNotifier({
    ...{ router, courier, heartbeat, notices, log },
    lease: () => alarms.judge.lease(),
    perHour: id => book.perHour(id),
  })
  alarms.judge.onStored(() => notifier.nudge())
  life.started('notifications', () => notifier.close())
  return { book, notifier, heartbeat }
}
