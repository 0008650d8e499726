// What becomes of a datagram that came to the port of traps: told as an event of its device, answered
// where it is an inform, or set aside with the reason. Only devices that we know get an answer.

import { timingSafeEqual } from 'node:crypto'
import {
  answerInform,
  type Notification,
  readCommunityMessage,
  readNotification,
  versionOf,
} from '../snmp/notification.ts'
import { type OwnEngine, receiveUsm } from '../snmp/notification-usm.ts'
import type { Desk } from './desk.ts'
import { isRepeated, type KnownSender, type Senders } from './senders.ts'
import { called, ofContext, sharedEvent, sharersMax } from './sharers.ts'
import { type Dictionary, trapEvent } from './trap-event.ts'

export interface TrapParts {
  desk: Desk
  senders: Senders
  engine: OwnEngine
  dictionary: () => Dictionary
  /** Monotonic, ms. */
  now: () => number
}

type Reply = (message: Uint8Array) => void

export function createTraps({ desk, senders, engine, dictionary, now }: TrapParts) {
  /** @param senders those that it may be of: more than one where devices share an address */
  const tell = (senders: readonly KnownSender[], notification: Notification) => {
    const { isInform, oid, requestId } = notification
    const [sender, ...rest] = called(senders, notification.agentAddress)
    if (!sender) return
    if (isInform && isRepeated(sender, `${requestId} ${oid}`)) return desk.repeated()
    const { event: own, row, poll } = trapEvent(notification, dictionary(), Date.now())
    const event = sharedEvent(own, 1 + rest.length)
    desk.tell(sender.device, 'trap', `${oid} ${event.text}`, {
      event,
      others: rest.slice(0, sharersMax - 1).map(({ device }) => device),
      // An index is a row of one device.
      row: rest.length > 0 ? null : row,
      poll,
    })
  }

  const byCommunity = (datagram: Uint8Array, address: string, reply: Reply) => {
    const message = readCommunityMessage(datagram)
    const notification =
      message && readNotification(datagram, message.at, message.end, message.version)
    if (!message || !notification) {
      return desk.aside('trap-format', address, 'it is no trap and no inform of SNMP')
    }
    const isRelayed = senders.isRelay(address) && notification.agentAddress !== null
    const from = (isRelayed && notification.agentAddress) || address
    const candidates = senders.byAddress(from)
    if (candidates.length === 0) return unknown(from, isRelayed ? address : null)
    const found = candidates.filter(one => hasCommunity(one, message.community))
    if (found.length === 0) {
      const detail = `another community than that of ${candidates[0]?.device}, or SNMPv3 is set for it`
      return desk.aside('trap-credentials', from, detail)
    }
    tell(found, notification)
    if (notification.isInform) reply(answerInform(datagram.subarray(0, message.end), message.at))
  }

  const byUser = (datagram: Uint8Array, address: string, reply: Reply) => {
    const candidates = senders.byAddress(address)
    if (candidates.length === 0) return unknown(address, null)
    const users = candidates.map(({ user }) => user).filter(user => user !== null)
    const verdict = receiveUsm(datagram, users, engine, now())
    if (verdict.kind === 'report') {
      desk.discovery()
      return reply(verdict.answer)
    }
    if (verdict.kind === 'refused') {
      const { why } = verdict
      const reason = why === 'malformed' ? 'trap-format' : 'trap-credentials'
      return desk.aside(reason, address, `${candidates[0]?.device}: ${WHY[why]}`)
    }
    const { user, context, notification } = verdict
    tell(ofContext(candidates, user.credentials, context), notification)
    if (verdict.answer) reply(verdict.answer)
  }

  const unknown = (from: string, relay: string | null) =>
    desk.aside(
      'trap-sender',
      from,
      relay === null ? 'no device has this address' : `no device has this address; by ${relay}`,
    )

  return {
    datagram(bytes: Uint8Array, address: string, reply: Reply) {
      desk.received('trap')
      const isKnown = senders.byAddress(address).length > 0 || senders.isRelay(address)
      if (!isKnown) return unknown(address, null)
      if (!desk.mayRead(address, bytes.length)) return desk.unread('trap', address, senders)
      const version = versionOf(bytes)
      if (version === 3) byUser(bytes, address, reply)
      else byCommunity(bytes, address, reply)
    },
  }
}

const WHY = {
  malformed: 'it is no trap and no inform of SNMPv3',
  user: 'another user than that of the device',
  level: 'another security level than that of the device',
  digest: 'it was not made with the key of this user',
  time: 'it is older than the time window, or was sent before',
  privacy: 'it does not decrypt with the key of this user',
} as const

/** A device that speaks v3 is never believed by a community: that would be a downgrade. */
function hasCommunity({ credentials }: KnownSender, community: Uint8Array): boolean {
  if (!credentials || credentials.version === '3') return false
  const ours = Buffer.from(credentials.community)
  return ours.length === community.length && timingSafeEqual(ours, community)
}
