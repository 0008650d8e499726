// A second reader of SNMP answers, written for clearness alone and from the standards (X.690 as far as
// RFC 3417 section 8 has it, RFC 3416 section 3, RFC 2578 section 7.1), to be compared with ours.

interface Element {
  tag: number
  body: Buffer
}

export interface Understood {
  version: bigint
  /** As latin1: any octets. */
  community: string
  type: number
  id: bigint
  status: bigint
  index: bigint
  /** Null: the list is broken, or a name in it. `text` as quirks-device.ts shows a value. */
  varbinds: { oid: string; text: string }[] | null
}

class Broken extends Error {}

/** What the octets say; null where they are no v1 or v2c message with a PDU. */
export function understand(bytes: Buffer): Understood | null {
  try {
    // Octets behind the message are not its business.
    const [message] = take(bytes)
    const [version, community, pdu, ...more] = all(tagged(message, 0x30))
    if (!pdu || more.length > 0) return null
    const [id, status, index, list, ...others] = all(pdu.body)
    if (!list || others.length > 0) return null
    return {
      version: integer(tagged(version, 0x02)),
      community: tagged(community, 0x04).toString('latin1'),
      type: pdu.tag,
      id: integer(tagged(id, 0x02)),
      status: integer(tagged(status, 0x02)),
      index: integer(tagged(index, 0x02)),
      varbinds: varbinds(tagged(list, 0x30)),
    }
  } catch (error) {
    if (error instanceof Broken) return null
    throw error
  }
}

function varbinds(list: Buffer): { oid: string; text: string }[] | null {
  try {
    return all(list).map(varbind => {
      const [name, value, ...more] = all(tagged(varbind, 0x30))
      if (!value || more.length > 0) throw new Broken('no pair')
      const oid = oidText(tagged(name, 0x06))
      if (oid === null) throw new Broken('no name')
      return { oid, text: valueText(value) }
    })
  } catch (error) {
    if (error instanceof Broken) return null
    throw error
  }
}

function take(bytes: Buffer): [Element, rest: Buffer] {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined) throw new Broken('ended early')
  const count = first < 128 ? 0 : first - 128
  // Indefinite lengths do not exist in SNMP, and no datagram needs more than four octets.
  if (first >= 128 && (count < 1 || count > 4)) throw new Broken('length')
  if (bytes.length < 2 + count) throw new Broken('ended in a length')
  const length = count === 0 ? first : bytes.readUIntBE(2, count)
  const from = 2 + count
  if (bytes.length < from + length) throw new Broken('longer than there is')
  return [{ tag, body: bytes.subarray(from, from + length) }, bytes.subarray(from + length)]
}

function all(bytes: Buffer): Element[] {
  const found: Element[] = []
  let rest = bytes
  while (rest.length > 0) {
    const [element, after] = take(rest)
    found.push(element)
    rest = after
  }
  return found
}

function tagged(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new Broken('another tag')
  return element.body
}

const unsigned = (body: Buffer): bigint => BigInt(`0x${body.toString('hex')}`)

/** Two's complement of 1 to 5 octets. */
function integer(body: Buffer): bigint {
  if (body.length < 1 || body.length > 5) throw new Broken('no integer')
  return BigInt.asIntN(body.length * 8, unsigned(body))
}

function oidText(body: Buffer): string | null {
  const ids: bigint[] = []
  let rest = [...body]
  while (rest.length > 0) {
    const last = rest.findIndex(octet => octet < 128)
    // 128 sub-identifiers, of which the first two are one here.
    if (last < 0 || last > 4 || ids.length >= 127) return null
    const id = rest.slice(0, last + 1).reduce((sum, octet) => sum * 128n + BigInt(octet % 128), 0n)
    if (id >= 2n ** 32n) return null
    ids.push(id)
    rest = rest.slice(last + 1)
  }
  const [shared, ...others] = ids
  if (shared === undefined) return null
  const root = shared < 40n ? 0n : shared < 80n ? 1n : 2n
  return [root, shared - root * 40n, ...others].join('.')
}

const NAMES: Record<number, string> = { 65: 'counter32', 66: 'gauge32', 67: 'ticks', 71: 'gauge32' }

function valueText({ tag, body }: Element): string {
  try {
    return readable(tag, body) ?? 'none'
  } catch (error) {
    if (error instanceof Broken) return 'none'
    throw error
  }
}

function readable(tag: number, body: Buffer): string | null {
  switch (tag) {
    case 0x02: {
      const value = integer(body)
      return value === BigInt.asIntN(32, value) ? `integer ${value}` : null
    }
    case 0x41:
    case 0x42:
    case 0x43:
    case 0x47: {
      // One that was written as if it had a sign is the same 32 bits.
      const value = integer(body)
      const fits = value >= -(2n ** 31n) && value < 2n ** 32n
      return fits ? `${NAMES[tag]} ${BigInt.asUintN(32, value)}` : null
    }
    case 0x46: {
      const fits = body.length >= 1 && body.length <= 9 && unsigned(body) < 2n ** 64n
      return fits ? `counter64 ${unsigned(body)}` : null
    }
    case 0x04:
    case 0x45:
      return `octets ${body.toString('hex')}`
    case 0x06: {
      const oid = oidText(body)
      return oid === null ? null : `oid ${oid}`
    }
    case 0x40:
      return body.length === 4 ? `ip ${[...body].join('.')}` : null
    case 0x44:
      return opaque(body)
    default:
      return null
  }
}

/** RFC 6340's wrapped floats, as net-snmp writes them. */
function opaque(body: Buffer): string | null {
  const head = body.subarray(0, 3).toString('hex')
  const float = head === '9f7804' && body.length === 7 ? body.readFloatBE(3) : null
  const number = head === '9f7908' && body.length === 11 ? body.readDoubleBE(3) : float
  if (number === null) return `opaque ${body.toString('hex')}`
  return Number.isFinite(number) ? `number ${number}` : null
}
