// What a hostile or broken publisher sends, and the reason for which each of it must be refused; null
// where it is harmless and stored.

import { sampleTopic } from '../../server/bus/topics.ts'
import type { RefusalReason } from '../../server/model/accepted.ts'
import { SITE } from '../parts/broker.ts'

export interface Hostile {
  what: string
  reason: RefusalReason | null
  topic: string
  payload: string | Buffer
}

const HOUR = 3_600_000
const numbersOf = (count: number) => Array.from({ length: count }, (_, i) => i)

/** The head of a message without its closing brace; `more` goes before the rest. */
function head(at: number | string, more = ''): string {
  return `{"v":1,${more}"at":${at},"ok":true`
}

/** @param at a time that is good; the harmless ones take the ms from there on */
export function hostileMessages(deviceId: string, at: number): Hostile[] {
  const topic = sampleTopic(SITE, deviceId, 'hostile')
  const one = (what: string, reason: RefusalReason | null, payload: string | Buffer): Hostile => ({
    ...{ what, reason, topic, payload },
  })
  const elsewhere = (what: string, reason: RefusalReason, levels: string): Hostile => ({
    ...{ what, reason, topic: `pollux/${SITE}/devices/${levels}` },
    payload: `${head(at)},"metrics":{"a":1}}`,
  })
  const metric = (text: string) => `${head(at)},"metrics":{${text}}}`
  const rows = (names: readonly string[], values = names.map(() => 1)) =>
    `${head(at)},"rows":${JSON.stringify(names)},"metrics":{"in":${JSON.stringify(values)}}}`
  const deep = (text: string, times: number) => text.repeat(times)
  let later = at
  const harmless = (what: string, text: string) => one(what, null, `${head(++later)},${text}}`)
  return [
    one('from the future', 'device-clock', `${head(at + 2 * HOUR)},"metrics":{"a":1}}`),
    one(
      'ten thousand years ahead',
      'device-clock',
      `${head(at + 315_360_000_000_000)},"metrics":{}}`,
    ),
    one('from 1970', 'too-old', `${head(1000)},"metrics":{"a":1}}`),
    one('before 1970', 'schema', `${head(-1)},"metrics":{"a":1}}`),
    one('at a text', 'schema', `${head('"now"')},"metrics":{"a":1}}`),
    one('at half a ms', 'schema', `${head(`${at}.5`)},"metrics":{"a":1}}`),
    one('at 1e999', 'device-clock', `${head('1e999')},"metrics":{"a":1}}`),
    one('300,000 rows', 'too-large', rows(numbersOf(300_000).map(String))),
    one(
      '50,000 metrics',
      'too-large',
      metric(
        numbersOf(50_000)
          .map(i => `"m${i}":1`)
          .join(),
      ),
    ),
    one(
      '60 metrics of 1,000 rows',
      'too-many',
      `${head(at)},"rows":${JSON.stringify(numbersOf(1000).map(String))},"metrics":{${numbersOf(60)
        .map(i => `"m${i}":[${numbersOf(1000).map(() => 1)}]`)
        .join()}}}`,
    ),
    one('a row name of 10 KB', 'schema', rows(['x'.repeat(10_240)])),
    one('a metric name of 10 KB', 'schema', metric(`"${'m'.repeat(10_240)}":1`)),
    one('a text of 10 KB', 'schema', metric(`"a":"${'t'.repeat(10_240)}"`)),
    one('NaN', 'json', metric('"a":NaN')),
    one('Infinity', 'json', metric('"a":-Infinity')),
    one('1e999', 'number', metric('"a":1e999')),
    one('-1e999 in a row', 'number', `${head(at)},"rows":["x"],"metrics":{"in":[-1e999]}}`),
    one('rows twice', 'duplicate-row', rows(['a', 'b', 'a'])),
    one('half a surrogate pair', 'schema', `${head(at)},"rows":["\\ud800"],"metrics":{"in":[1]}}`),
    one('fewer values than rows', 'shape', rows(['a', 'b'], [1])),
    one('a scalar with rows', 'shape', `${head(at)},"rows":["a"],"metrics":{"in":1}}`),
    one('a gap of no metric', 'shape', `${head(at)},"metrics":{"a":1},"gaps":{"b":"reset"}}`),
    one('a gap of no reason', 'schema', `${head(at)},"metrics":{"a":null},"gaps":{"a":"tired"}}`),
    one('part 3 of 2', 'part', `${head(at)},"part":[3,2],"rows":["a"],"metrics":{"in":[1]}}`),
    one(
      'part 1 of a million',
      'part',
      `${head(at)},"part":[1,1000000],"rows":["a"],"metrics":{"in":[1]}}`,
    ),
    one('a part without rows', 'part', `${head(at)},"part":[1,2],"metrics":{"a":1}}`),
    one('nested 100,000 deep', 'schema', `${deep('[', 100_000)}${deep(']', 100_000)}`),
    one('objects 20,000 deep', 'schema', `${deep('{"a":', 20_000)}1${deep('}', 20_000)}`),
    one(
      'values nested 50,000 deep',
      'schema',
      metric(`"a":${deep('[', 50_000)}1${deep(']', 50_000)}`),
    ),
    one('nested and cut off', 'json', deep('[', 200_000)),
    one('no JSON', 'json', 'temperature is 21 degrees'),
    one('nothing', 'json', ''),
    one('half a message', 'json', metric('"a":1').slice(0, -1)),
    one('two messages', 'json', `${metric('"a":1')}${metric('"a":1')}`),
    one('a number', 'schema', '42'),
    one('null', 'schema', 'null'),
    one('NUL bytes', 'json', Buffer.alloc(1000)),
    one('random bytes', 'json', Buffer.from(numbersOf(1000).map(i => (i * 7919) % 256))),
    one('wrong UTF-8 in a row name', 'json', Buffer.from(rows(['caf\u00e9']), 'latin1')),
    one(
      'an overlong slash',
      'json',
      Buffer.concat([Buffer.from(head(at)), Buffer.from([0x22, 0xc0, 0xaf, 0x22])]),
    ),
    one('UTF-16', 'json', Buffer.from(metric('"a":1'), 'utf16le')),
    one('__proto__ as a metric', 'schema', metric('"__proto__":1')),
    one('__proto__ as metrics', 'schema', `${head(at)},"__proto__":{"metrics":{"a":1}}}`),
    one(
      'a src that climbs',
      'schema',
      `${head(at, '"src":"../acks","boot":"b","seq":1,')},"metrics":{"a":1}}`,
    ),
    one(
      'a src of everything',
      'schema',
      `${head(at, '"src":"#","boot":"b","seq":1,')},"metrics":{"a":1}}`,
    ),
    one(
      'a seq beyond all',
      'schema',
      `${head(at, '"src":"s","boot":"b","seq":1e999,')},"metrics":{"a":1}}`,
    ),
    elsewhere('an unknown device', 'unknown-device', 'nobody/samples/a'),
    elsewhere('a group in capitals', 'topic', `${deviceId}/samples/ABC`),
    elsewhere('a device of 400 letters', 'topic', `${'d'.repeat(400)}/samples/a`),
    elsewhere('a device of other letters', 'topic', 'd\u00e9vice/samples/a'),
    harmless(
      'keys that nobody knows, deep',
      `"metrics":{"a":1},"x":${deep('[', 10_000)}${deep(']', 10_000)}`,
    ),
    harmless('a metric named constructor', '"metrics":{"constructor":1,"tostring":2}'),
    harmless(
      'rows named __proto__ and constructor',
      '"rows":["__proto__","constructor"],"metrics":{"in":[1,2]}',
    ),
    harmless(
      'the largest and the smallest number',
      '"metrics":{"a":1.7976931348623157e308,"b":5e-324,"c":-0}',
    ),
    harmless('a text of SQL', `"metrics":{"t":"'; drop table poll; --"}`),
    harmless('no metric at all', '"metrics":{}'),
  ]
}
