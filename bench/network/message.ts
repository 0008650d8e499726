// SNMP v1 and v2c messages, as an agent needs them: requests in, responses out (RFC 3416, X.690
// BER). Written apart from the program's own SNMP, so that neither can hide the other's mistakes.

export const PDU = { get: 0xa0, getNext: 0xa1, response: 0xa2, getBulk: 0xa5 } as const
export const ERROR = { noError: 0, tooBig: 1, noSuchName: 2, genErr: 5 } as const
export const TAG = {
  integer: 0x02,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  ip: 0x40,
  counter32: 0x41,
  gauge32: 0x42,
  ticks: 0x43,
  counter64: 0x46,
  noSuchObject: 0x80,
  noSuchInstance: 0x81,
  endOfMibView: 0x82,
} as const

export type Oid = readonly number[]

export type SimulatedValue =
  | {
      tag: typeof TAG.integer | typeof TAG.counter32 | typeof TAG.gauge32 | typeof TAG.ticks
      value: number
    }
  | { tag: typeof TAG.counter64; value: bigint }
  | { tag: typeof TAG.octets | typeof TAG.ip; value: Uint8Array }
  | { tag: typeof TAG.oid; value: Oid }
  | {
      tag:
        | typeof TAG.null
        | typeof TAG.noSuchObject
        | typeof TAG.noSuchInstance
        | typeof TAG.endOfMibView
    }

export interface Request {
  /** 0: v1, 1: v2c. */
  version: 0 | 1
  community: string
  type: number
  requestId: number
  /** error-status and error-index, or non-repeaters and max-repetitions of a GETBULK. */
  first: number
  second: number
  oids: Oid[]
}

export interface Binding {
  oid: Oid
  value: SimulatedValue
}

interface Element {
  tag: number
  body: Buffer
  end: number
}

function element(bytes: Buffer, at: number): Element {
  const tag = bytes[at]
  let length = bytes[at + 1]
  let start = at + 2
  if (tag === undefined || length === undefined) throw new RangeError('cut short')
  if (length & 0x80) {
    const count = length & 0x7f
    if (count < 1 || count > 4 || start + count > bytes.length) throw new RangeError('length')
    length = bytes.readUIntBE(start, count)
    start += count
  }
  if (start + length > bytes.length) throw new RangeError('cut short')
  return { tag, body: bytes.subarray(start, start + length), end: start + length }
}

function children(bytes: Buffer): Element[] {
  const found: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const next = element(bytes, at)
    found.push(next)
    at = next.end
  }
  return found
}

function integer(part: Element | undefined): number {
  if (part?.tag !== TAG.integer || part.body.length < 1 || part.body.length > 6)
    throw new RangeError('integer')
  return part.body.readIntBE(0, part.body.length)
}

function oid(part: Element | undefined): Oid {
  if (part?.tag !== TAG.oid || part.body.length === 0) throw new RangeError('oid')
  const ids: number[] = []
  let id = 0
  for (const byte of part.body) {
    id = id * 128 + (byte & 0x7f)
    if (byte & 0x80) continue
    if (ids.length === 0) {
      const head = Math.min(2, Math.floor(id / 40))
      ids.push(head, id - head * 40)
    } else ids.push(id)
    id = 0
  }
  return ids
}

/** @throws RangeError for what is not a v1 or v2c request */
export function decodeRequest(datagram: Buffer): Request {
  const [version, community, pdu] = children(element(datagram, 0).body)
  const number = integer(version)
  if (number !== 0 && number !== 1) throw new RangeError('version')
  if (community?.tag !== TAG.octets || !pdu) throw new RangeError('message')
  const [id, first, second, bindings] = children(pdu.body)
  if (!bindings) throw new RangeError('bindings')
  return {
    version: number,
    community: community.body.toString('latin1'),
    type: pdu.tag,
    requestId: integer(id),
    first: integer(first),
    second: integer(second),
    oids: children(bindings.body).map(binding => oid(children(binding.body)[0])),
  }
}

function encoded(tag: number, body: Uint8Array): Buffer {
  const length = body.length
  const head =
    length < 128
      ? [tag, length]
      : length < 256
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), body])
}

/** Two's complement in as few bytes as hold the number, as BER wants it. */
function numberBytes(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.unshift(Number(rest & 0xffn))
    rest >>= 8n
  } while (!(rest === 0n && (bytes[0] ?? 0) < 128) && !(rest === -1n && (bytes[0] ?? 0) >= 128))
  return Buffer.from(bytes)
}

function oidBytes(ids: Oid): Buffer {
  const bytes: number[] = []
  const push = (id: number) => {
    const parts = [id % 128]
    for (let rest = Math.floor(id / 128); rest > 0; rest = Math.floor(rest / 128))
      parts.unshift((rest % 128) | 0x80)
    bytes.push(...parts)
  }
  push((ids[0] ?? 0) * 40 + (ids[1] ?? 0))
  for (const id of ids.slice(2)) push(id)
  return Buffer.from(bytes)
}

function valueBytes(value: SimulatedValue): Buffer {
  if (!('value' in value)) return encoded(value.tag, Buffer.alloc(0))
  if (typeof value.value === 'number')
    return encoded(value.tag, numberBytes(BigInt(Math.trunc(value.value))))
  if (typeof value.value === 'bigint') return encoded(value.tag, numberBytes(value.value))
  if (value.value instanceof Uint8Array) return encoded(value.tag, value.value)
  return encoded(TAG.oid, oidBytes(value.value))
}

export function encodeBinding({ oid: name, value }: Binding): Buffer {
  return encoded(0x30, Buffer.concat([encoded(TAG.oid, oidBytes(name)), valueBytes(value)]))
}

export function encodeResponse(
  request: Request,
  bindings: readonly Buffer[],
  error = 0,
  errorIndex = 0,
): Buffer {
  const int = (value: number) => encoded(TAG.integer, numberBytes(BigInt(value)))
  const pdu = encoded(
    PDU.response,
    Buffer.concat([
      int(request.requestId),
      int(error),
      int(errorIndex),
      encoded(0x30, Buffer.concat(bindings)),
    ]),
  )
  return encoded(
    0x30,
    Buffer.concat([
      int(request.version),
      encoded(TAG.octets, Buffer.from(request.community, 'latin1')),
      pdu,
    ]),
  )
}
