// Devices behind one address (a stack of contexts, NAT, a proxy): which of them a message is of, where it
// says so itself. Where it does not, nobody guesses: the event stands at each, and says so. Pure.

import type { EventBody } from '../model/event.ts'
import type { UsmCredentials } from '../snmp/usm-engine.ts'
import type { KnownSender } from './senders.ts'

/** Devices that one event is told of. */
export const sharersMax = 8
const textCharsMax = 1000

/** Those that are called so, by name or address; all where none is or nothing was said. */
export function called(
  senders: readonly KnownSender[],
  name: string | null,
): readonly KnownSender[] {
  if (senders.length < 2 || !name) return senders
  const wanted = name.toLowerCase()
  const [host = ''] = wanted.split('.')
  const exact = senders.filter(({ names, addresses }) => [...names, ...addresses].includes(wanted))
  const found = exact.length > 0 ? exact : senders.filter(({ names }) => names.includes(host))
  return found.length > 0 ? found : senders
}

/** Those that share the keys of a user; of these the ones with the context that the message names. */
export function ofContext(
  senders: readonly KnownSender[],
  credentials: UsmCredentials,
  context: Uint8Array,
): readonly KnownSender[] {
  const key = keysOf(credentials)
  const users = senders.filter(({ user }) => user && keysOf(user.credentials) === key)
  const name = Buffer.from(context).toString()
  const found = users.filter(({ user }) => (user?.credentials.context ?? '') === name)
  return found.length > 0 ? found : users
}

const keysOf = ({ context: _, ...rest }: UsmCredentials): string => JSON.stringify(rest)

/** The event as it stands at each of the devices that it may be of. */
export function sharedEvent(event: EventBody, count: number): EventBody {
  if (count < 2) return event
  const tail = ` (of one of ${count} devices with this address)`
  return {
    ...event,
    text: `${event.text.slice(0, textCharsMax - tail.length).toWellFormed()}${tail}`,
    fields: { ...event.fields, one_of: String(count) },
  }
}
