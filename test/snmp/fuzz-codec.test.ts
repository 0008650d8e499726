// Goal: whatever octets come, reading them does not throw and ends; what is read is what a second
// reader (fuzz-reference.ts) reads, so nothing is invented: no object that was not in the datagram, no
// value that is another object's.
import { createSocket } from 'node:dgram'
import t from 'tap'
import { communitySecurity } from '../../server/snmp/community.ts'
import { messageId, type PduHead, readPduHead, readVarBinds } from '../../server/snmp/message.ts'
import type { VarBind } from '../../server/snmp/session.ts'
import { elements, integer, octets, oidValue, tlv } from '../parts/hostile-agent.ts'
import { seeded, startQuirkyAgent } from '../parts/quirky-agent.ts'
import { asked, KINDS } from './fuzz-answers.ts'
import { understand } from './fuzz-reference.ts'
import { device, shown, TABLES } from './quirks-device.ts'

const security = communitySecurity({ version: '2c', community: 'public' })
const head: PduHead = { type: 0, id: 0, status: 0, index: 0, listAt: 0, listEnd: 0 }

/** What our codec makes of a datagram; null: it drops it. Its head is in `head`. */
function read(bytes: Uint8Array): VarBind[] | null {
  const id = messageId(bytes)
  if (Number.isNaN(id)) return null
  const verdict = security.decode(bytes, id)
  if (verdict.kind !== 'pdu') return null
  if (!readPduHead(verdict.bytes, verdict.at, verdict.end, head)) return null
  return readVarBinds(bytes, head.listAt, head.listEnd)?.varbinds ?? null
}

/** The same in words. */
function found(bytes: Uint8Array): string | null {
  const list = read(bytes)
  if (list === null) return null
  const said = list.map(({ oid, value }) => `${oid} = ${shown(value)}`)
  return [head.type, head.id, head.status, head.index, ...said].join('\n')
}

/** The same of the second reader. */
function expected(bytes: Buffer): string | null {
  const it = understand(bytes)
  if (it?.version !== 1n || it.community !== 'public' || it.varbinds === null) return null
  const said = it.varbinds.map(({ oid, text }) => `${oid} = ${text}`)
  return [it.type, it.id, it.status, it.index, ...said].join('\n')
}

function request(type: number, repetitions: number, oids: readonly string[]): Buffer {
  const list = oids.map(oid => tlv(0x30, Buffer.concat([oidValue(oid), tlv(0x05, [])])))
  const parts = [
    integer(0x4711_0815),
    integer(0),
    integer(repetitions),
    tlv(0x30, Buffer.concat(list)),
  ]
  const pdu = tlv(type, Buffer.concat(parts))
  return tlv(0x30, Buffer.concat([integer(1), octets('public'), pdu]))
}

/** Good answers as they came over a socket: small and large ones, of all types and indexes. */
async function record(): Promise<Buffer[]> {
  const agent = await startQuirkyAgent(t, device())
  const socket = createSocket('udp4')
  t.teardown(() => {
    socket.close()
  })
  const ask = (bytes: Buffer) =>
    new Promise<Buffer>(resolve => {
      socket.once('message', resolve)
      socket.send(bytes, agent.port, agent.address)
    })
  const answers: Buffer[] = []
  for (const columns of Object.values(TABLES)) {
    for (const row of [1, 40]) {
      const oids = columns.map(column => `${column}.${row}`)
      const few = oids.slice(0, 3)
      answers.push(await ask(request(0xa5, 1, oids)), await ask(request(0xa5, 3, few)))
      answers.push(await ask(request(0xa0, 0, oids)), await ask(request(0xa1, 0, few)))
    }
  }
  // One that fills its datagram.
  answers.push(await ask(request(0xa5, 30, TABLES.dense ?? [])))
  return answers
}

const recorded = await record()

t.test('good answers', async t => {
  for (const bytes of recorded) t.equal(found(bytes), expected(bytes))
  t.ok(recorded.every(bytes => read(bytes) !== null))
  const octetsRecorded = recorded.reduce((sum, { length }) => sum + length, 0)
  t.comment(`${recorded.length} answers, ${octetsRecorded} octets`)
})

/** Flips in all, and each how many are compared with the slower second reader. */
const flipsMin = 1_000_000
const comparedEach = 40

t.test('a million flipped bits', async t => {
  const counts = { flips: 0, dropped: 0, read: 0, compared: 0 }
  const wrong: string[] = []
  const look = (bent: Buffer) => {
    const isRead = read(bent) !== null
    counts[isRead ? 'read' : 'dropped']++
    if (++counts.flips % comparedEach > 0) return
    counts.compared++
    if (found(bent) !== expected(bent)) wrong.push(bent.toString('hex'))
  }
  for (const bytes of recorded) flipEach(Buffer.from(bytes), look)
  t.comment(`${counts.flips} of one bit alone`)
  // Then of the small ones, with a second bit flipped elsewhere, over again with others.
  const small = recorded.filter(({ length }) => length < 200)
  for (let seed = 1; counts.flips < flipsMin; seed++) {
    const random = seeded(seed)
    for (const bytes of small) flipEach(Buffer.from(bytes), look, random)
  }
  t.same(wrong, [], 'both readers read the same')
  t.ok(counts.dropped > 0 && counts.read > 0)
  t.comment(JSON.stringify(counts))
})

function flipEach(bytes: Buffer, look: (bent: Buffer) => void, random?: () => number): void {
  const bits = bytes.length * 8
  for (let bit = 0; bit < bits; bit++) {
    const second = random ? Math.floor(random() * bits) : null
    flip(bytes, bit)
    if (second !== null) flip(bytes, second)
    look(bytes)
    if (second !== null) flip(bytes, second)
    flip(bytes, bit)
  }
}

function flip(bytes: Buffer, bit: number): void {
  const at = bit >> 3
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
}

t.test('every kind of hostile answer', async t => {
  const random = seeded(20)
  const counts = { kinds: KINDS.size, dropped: 0, read: 0 }
  for (const [what, make] of KINDS) {
    for (let n = 0; n < 30; n++) {
      const question = asked(request(0xa0, 0, ['1.3.6.1.2.1.1.1.0', '1.3.6.1.2.1.1.5.0']))
      const bytes = make(question, random)
      const words = found(bytes)
      counts[words === null ? 'dropped' : 'read']++
      if (words !== expected(bytes)) {
        t.equal(words, expected(bytes), `${what}: ${bytes.toString('hex').slice(0, 400)}`)
        break
      }
    }
  }
  t.comment(JSON.stringify(counts))
  t.ok(counts.dropped > 1000 && counts.read > 500, 'both happen')
})

t.test('what is kept of an answer does not keep the datagram', async t => {
  const value = tlv(0x04, Buffer.alloc(40, 1))
  const list = tlv(0x30, tlv(0x30, Buffer.concat([oidValue('1.3.6.1.2.1.1.5.0'), value])))
  const padded = Buffer.concat([list, Buffer.alloc(60_000)])
  const [body] = elements(list).map(element => element.body)
  const at = list.length - (body?.length ?? 0)
  const kept = readVarBinds(padded, at, at + (body?.length ?? 0))?.varbinds[0]?.value
  t.ok(kept?.type === 'octets' && kept.value.buffer.byteLength === 40)
})

t.test('the most variable bindings that a datagram holds', async t => {
  const list = (one: Buffer) => Buffer.concat(Array(Math.floor(65_000 / one.length)).fill(one))
  const smallest = list(tlv(0x30, Buffer.concat([tlv(0x06, [0x2b]), tlv(0x05, [])])))
  t.equal(readVarBinds(smallest, 0, smallest.length)?.varbinds.length, 9285)
  const empty = list(tlv(0x30, []))
  t.equal(readVarBinds(empty, 0, empty.length), null, 'empty ones end it at the first')
})
