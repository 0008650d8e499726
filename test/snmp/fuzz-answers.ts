// Hostile answers to a request, by kind: framing that lies, values that no type allows, and sound
// messages that say something else than was asked. The same seed gives the same octets.
// Longer than most: it is one list of kinds.

import { elements } from '../parts/hostile-agent.ts'

/** What a request says, as octets of the values. */
export interface Asked {
  version: Buffer
  community: Buffer
  id: Buffer
  oids: Buffer[]
}

export type Random = () => number
export type Kind = (asked: Asked, random: Random) => Buffer

const none = Buffer.alloc(0)

export function asked(request: Buffer): Asked {
  const [version, community, pdu] = elements(elements(request)[0]?.body ?? none)
  const [id, , , list] = elements(pdu?.body ?? none)
  const names = elements(list?.body ?? none).map(({ body }) => elements(body)[0]?.body ?? none)
  return {
    version: version?.body ?? none,
    community: community?.body ?? none,
    id: id?.body ?? none,
    oids: names,
  }
}

/** An element whose parts a kind may replace before it is written. */
interface Node {
  tag: number
  content: Node[] | Buffer
  /** The length's octets, instead of the right ones. */
  length?: (right: number) => number[]
}

const leaf = (tag: number, body: Buffer | readonly number[]): Node => ({
  tag,
  content: Buffer.from(body),
})

function rightLength(n: number): number[] {
  if (n < 128) return [n]
  return n < 65_536 ? [0x82, n >> 8, n & 255] : [0x83, n >> 16, (n >> 8) & 255, n & 255]
}

function write({ tag, content, length = rightLength }: Node): Buffer {
  const body = Buffer.isBuffer(content) ? content : Buffer.concat(content.map(write))
  return Buffer.concat([Buffer.from([tag, ...length(body.length)]), body])
}

/** An honest answer as a tree; each value is the number of its place. */
interface Parts {
  message: Node
  version: Node
  community: Node
  pdu: Node
  id: Node
  status: Node
  index: Node
  list: Node
  varbind: Node
  name: Node
  value: Node
}

function tree({ version, community, id, oids }: Asked, random: Random): Parts {
  const varbinds = oids.map((oid, i) => ({
    tag: 0x30,
    content: [leaf(0x06, oid), leaf(0x02, [i % 100])],
  }))
  const varbind = varbinds[Math.floor(random() * varbinds.length)] ?? { tag: 0x30, content: [] }
  const parts = {
    version: leaf(0x02, version),
    community: leaf(0x04, community),
    id: leaf(0x02, id),
    status: leaf(0x02, [0]),
    index: leaf(0x02, [0]),
    list: { tag: 0x30, content: varbinds },
  }
  const pdu = { tag: 0xa2, content: [parts.id, parts.status, parts.index, parts.list] }
  const [name = leaf(0x06, []), value = leaf(0x05, [])] = varbind.content
  return {
    ...parts,
    pdu,
    varbind,
    name,
    value,
    message: { tag: 0x30, content: [parts.version, parts.community, pdu] },
  }
}

/** The last variable binding, or its value. */
function lastOf({ list }: Parts, what: 'varbind' | 'value'): Node {
  const varbind = Array.isArray(list.content) ? list.content.at(-1) : undefined
  const value = Array.isArray(varbind?.content) ? varbind.content.at(-1) : undefined
  const found = what === 'varbind' ? varbind : value
  if (!found) throw new Error('no variable binding')
  return found
}

type Bend = (parts: Parts, random: Random, asked: Asked) => void

const bent =
  (bend: Bend): Kind =>
  (question, random) => {
    const parts = tree(question, random)
    bend(parts, random, question)
    return write(parts.message)
  }

const PLACES = [
  'message',
  'version',
  'community',
  'pdu',
  'id',
  'status',
  'index',
  'list',
  'varbind',
  'name',
  'value',
] as const

const LENGTHS: Record<string, (right: number) => number[]> = {
  'is zero': () => [0],
  'is one too many': n => rightLength(n + 1),
  'is one too few': n => rightLength(Math.max(0, n - 1)),
  'is two gigabytes': () => [0x84, 0x7f, 0xff, 0xff, 0xff],
  'is four gigabytes, or negative': () => [0x84, 0xff, 0xff, 0xff, 0xff],
  'is indefinite': () => [0x80],
  'has five octets': n => [0x85, 0, 0, 0, n >> 8, n & 255],
  'has 127 octets': () => [0xff],
  'has more octets than it needs': n => [0x84, 0, 0, n >> 8, n & 255],
}

/** From the inside out: lengths that agree with one another, but not with what is around them. */
const NESTED = ['value', 'varbind', 'list', 'pdu', 'message'] as const

const TAGS = [0x00, 0x01, 0x03, 0x05, 0x1f, 0x24, 0x31, 0x3f, 0x46, 0x7f, 0x80, 0xa0, 0xa8, 0xff]
const INTEGERS: Record<string, number[]> = {
  'has no octet': [],
  'has 5 octets': [0, 0, 0, 0, 1],
  'has 9 octets': [0, 0, 0, 0, 0, 0, 0, 0, 1],
  'has 9 octets, all set': Array(9).fill(255),
  'has 200 octets': Array(200).fill(0x7f),
  'is negative': [0xff],
  'is the least': [0x80, 0, 0, 0],
  'is beyond 32 bits': [0x7f, 0, 0, 0, 0],
}
const OIDS: Record<string, number[]> = {
  'is empty': [],
  'does not end': [0x2b, 0x06, 0x81],
  'is one endless sub-identifier': Array(60).fill(0x81),
  'has a sub-identifier of 6 octets': [0x2b, 0x81, 0x80, 0x80, 0x80, 0x80, 0x01],
  'has a sub-identifier of 33 bits': [0x2b, 0x90, 0x80, 0x80, 0x80, 0x00],
  'has a sub-identifier padded with 80': [0x2b, 0x80, 0x06, 0x01],
  'has 128 sub-identifiers': Array(127).fill(1),
  'has 129 sub-identifiers': Array(128).fill(1),
  'has 20,000 sub-identifiers': Array(20_000).fill(1),
  'begins with 2.47': [0x7f, 1],
}

const kinds: [string, Kind][] = []
const add = (name: string, bend: Bend) => kinds.push([name, bent(bend)])

for (const place of PLACES) {
  for (const [what, length] of Object.entries(LENGTHS)) {
    add(`the length of the ${place} ${what}`, parts => Object.assign(parts[place], { length }))
  }
  add(`the ${place} has another tag`, (parts, random) => {
    parts[place].tag = TAGS[Math.floor(random() * TAGS.length)] ?? 0
  })
}
for (let outer = 1; outer < NESTED.length; outer++) {
  add(`all lengths up to that of the ${NESTED[outer]} are one too many`, parts => {
    for (const place of NESTED.slice(0, outer + 1)) {
      const node = place === 'value' || place === 'varbind' ? lastOf(parts, place) : parts[place]
      Object.assign(node, { length: (right: number) => rightLength(right + 1) })
    }
  })
}
for (const place of ['version', 'id', 'status', 'index', 'value'] as const) {
  for (const [what, octets] of Object.entries(INTEGERS)) {
    add(`the integer of ${place} ${what}`, parts => {
      parts[place].content = Buffer.from(octets)
    })
  }
}
for (const [what, octets] of Object.entries(OIDS)) {
  add(`the name ${what}`, parts => {
    parts.name.content = Buffer.from(octets)
  })
  add(`an OID as value ${what}`, parts => Object.assign(parts.value, leaf(0x06, octets)))
}
for (const tag of [0x04, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x5f, 0x80, 0x81, 0x82]) {
  add(`a value of type ${tag.toString(16)} with octets at random`, (parts, random) => {
    const octets = Array.from({ length: Math.floor(random() * 14) }, () =>
      Math.floor(random() * 256),
    )
    Object.assign(parts.value, leaf(tag, octets))
  })
}

// Size and depth

add('a string of 60,000 octets', parts =>
  Object.assign(parts.value, leaf(0x04, Array(60_000).fill(65))),
)
add('a community of 60,000 octets', parts => {
  parts.community.content = Buffer.alloc(60_000, 65)
})
add('5,000 empty variable bindings', parts => {
  parts.list.content = Array.from({ length: 5000 }, () => ({ tag: 0x30, content: [] }))
})
add('3,000 variable bindings', (parts, _random, { oids }) => {
  const varbind = { tag: 0x30, content: [leaf(0x06, oids[0] ?? []), leaf(0x05, [])] }
  parts.list.content = Array.from({ length: 3000 }, () => varbind)
})
add('a value nested 1,000 deep', parts => {
  let inner: Buffer = Buffer.alloc(0)
  for (let i = 0; i < 1000; i++) inner = write({ tag: 0x30, content: inner })
  Object.assign(parts.value, { tag: 0x30, content: inner })
})
add('a message in the message', parts => {
  const inner = write(parts.message)
  Object.assign(parts.value, leaf(0x04, inner))
})
add('a message for a PDU', parts => {
  Object.assign(parts.pdu, { tag: 0x30, content: [{ ...parts.pdu }] })
})

// Something left over

for (const place of ['message', 'pdu', 'list', 'varbind'] as const) {
  add(`octets left over in the ${place}`, parts => {
    const { content } = parts[place]
    if (Array.isArray(content)) content.push(leaf(0x04, Buffer.from('left over')))
  })
  add(`a lone octet left over in the ${place}`, parts => {
    const inner = parts[place].content
    const octets = Buffer.isBuffer(inner) ? inner : Buffer.concat(inner.map(write))
    parts[place].content = Buffer.concat([octets, Buffer.from([0x30])])
  })
  add(`the ${place} without its last part`, parts => {
    const { content } = parts[place]
    if (Array.isArray(content)) content.pop()
  })
}

// Sound, and a lie

const TYPES = { GET: 0xa0, GETNEXT: 0xa1, SET: 0xa3, Trap: 0xa4, InformRequest: 0xa6, Report: 0xa8 }
for (const [what, tag] of Object.entries(TYPES)) {
  add(`a PDU of type ${what}`, parts => {
    parts.pdu.tag = tag
  })
}
add('no variable binding', parts => {
  parts.list.content = []
})
add('one too few', parts => {
  if (Array.isArray(parts.list.content)) parts.list.content.pop()
})
add('one too many', (parts, _random, { oids }) => {
  const more = { tag: 0x30, content: [leaf(0x06, oids[0] ?? []), leaf(0x02, [99])] }
  if (Array.isArray(parts.list.content)) parts.list.content.push(more)
})
add('an object that nobody asked for', parts => {
  parts.name.content = Buffer.from([0x2b, 6, 1, 2, 1, 1, 77, 0])
})
add('in another order', parts => {
  if (Array.isArray(parts.list.content)) parts.list.content.reverse()
})
add('all the same object', (parts, _random, { oids }) => {
  if (!Array.isArray(parts.list.content)) return
  for (const { content } of parts.list.content) {
    if (Array.isArray(content) && content[0]) content[0].content = oids[0] ?? none
  }
})
add('SNMPv1 and v2c exchanged', parts => {
  parts.version.content = Buffer.from([
    1 - (Buffer.isBuffer(parts.version.content) ? (parts.version.content[0] ?? 0) : 0),
  ])
})
add('SNMPv3', parts => {
  parts.version.content = Buffer.from([3])
})
add('another community', parts => {
  parts.community.content = Buffer.from('private')
})
add('a community that begins alike', (parts, _random, { community }) => {
  parts.community.content = Buffer.concat([community, Buffer.from([0])])
})
add('another request-id', (parts, random, { id }) => {
  const other = Buffer.from(id)
  const at = Math.floor(random() * other.length)
  other[at] = (other[at] ?? 0) ^ (1 << Math.floor(random() * 7))
  parts.id.content = other
})
for (const status of [1, 2, 3, 5, 6, 13, 16, 18, 19, 127]) {
  add(`error-status ${status}, error-index beyond the list`, parts => {
    parts.status.content = Buffer.from([status])
    parts.index.content = Buffer.from([0x7f, 0xff])
  })
}

export const KINDS: ReadonlyMap<string, Kind> = new Map([
  ...kinds,
  ['no octet at all', () => none],
  ['one octet', () => Buffer.from([0x30])],
  [
    'octets at random',
    (_asked, random) =>
      Buffer.from(Array.from({ length: 1 + random() * 300 }, () => Math.floor(random() * 256))),
  ],
  [
    'cut short',
    (question, random) => {
      const whole = write(tree(question, random).message)
      return whole.subarray(0, Math.floor(random() * whole.length))
    },
  ],
  [
    'octets exchanged at random',
    (question, random) => {
      const octets = write(tree(question, random).message)
      for (let i = 0; i < 3; i++) {
        octets[Math.floor(random() * octets.length)] = Math.floor(random() * 256)
      }
      return octets
    },
  ],
  [
    'something behind the message',
    (question, random) =>
      Buffer.concat([write(tree(question, random).message), Buffer.from('garbage')]),
  ],
])
