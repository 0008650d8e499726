// Goal: fields computed by whole columns are what the same fields are cell by cell, whatever a device
// answers; and numbers are written as JSON.stringify would write them.

import t from 'tap'
import { rounded } from '../../server/profiles/decimal.ts'
import { createEvaluator } from '../../server/profiles/evaluator.ts'
import { JsonBytes } from '../../server/profiles/jsonbytes.ts'
import { compilePlan, type PlanDefinition } from '../../server/profiles/plan.ts'
import { type Device, goodCatalogue, int, polled, readFrom, START } from './kit.ts'
import { chanceOf, RANDOM_PROFILE, RandomDevice } from './random-device.ts'

const catalogue = goodCatalogue({ p: RANDOM_PROFILE })

const stepsOf = ({ groups }: PlanDefinition) => [...groups.values()].flatMap(plan => plan.steps)

/** An evaluator whose every field is computed cell by cell, each time anew. */
function plainEvaluator() {
  const plan = compilePlan(catalogue, ['p'])
  for (const step of stepsOf(plan.definition))
    Object.assign(step, { isPlain: false, isKept: false })
  return createEvaluator(plan)
}

t.test('by columns as by cells', async t => {
  const plan = compilePlan(catalogue, ['p'])
  const columns = stepsOf(plan.definition).filter(step => step.isPlain)
  t.ok(columns.length >= 9, 'there is something to compare')
  t.ok(stepsOf(plan.definition).some(step => step.isKept))
  let values = 0
  for (let seed = 1; seed <= 60; seed++) {
    const device = new RandomDevice(seed)
    const both = [createEvaluator(plan), plainEvaluator()]
    for (let minute = 0; minute < 30; minute++) {
      const { device: answers, upTicks, partial } = device.next()
      const [fast, slow] = both.map(evaluator => {
        const requests = evaluator.due(START + minute * 60_000, 60_000)
        const reading = readFrom(answers, requests, minute * 60, { upTicks, partial })
        const { collections, rows } = evaluator.evaluate(reading, 5)
        return { collections: collections.map(({ group, body }) => [group, body.read()]), rows }
      })
      values += JSON.stringify(fast).length
      if (JSON.stringify(fast) === JSON.stringify(slow)) continue
      t.same(fast, slow, `seed ${seed}, minute ${minute}`)
      return
    }
  }
  t.ok(values > 5e5, 'devices have answered')
})

t.test('rounded as by toPrecision', async t => {
  const chance = chanceOf(7)
  const json = new JsonBytes()
  let wrong = 0
  const check = (value: number) => {
    for (const digits of [5, 12]) {
      const wanted = Number(value.toPrecision(digits))
      if (rounded(value, digits) !== wanted) wrong++
      json.clear()
      json.number(value)
      json.raw(' ')
      const end = json.numbers(Float64Array.of(value), new Uint8Array(1), [0], 0, digits)
      const [plain, short = ''] = Buffer.from(json.take()).toString().split(' ')
      const kept = digits > 5 && Number.isInteger(value) ? value : wanted
      // There is one 0 in JSON.
      if (end !== 1 || JSON.parse(short.slice(0, -1)) !== JSON.parse(JSON.stringify(kept))) wrong++
      if (plain !== JSON.stringify(value)) wrong++
      if (wrong > 0) t.fail(`${value} with ${digits} digits: ${short}`)
    }
  }
  for (const value of [
    0,
    -0,
    1,
    9,
    10,
    99999.5,
    999995,
    0.1,
    0.30000000000000004,
    5e-324,
    2 ** 53,
  ]) {
    check(value)
  }
  for (let power = -30; power <= 30; power++) {
    for (const near of [-1e-12, -1e-15, 0, 1e-15, 1e-12]) check(10 ** power * (1 + near))
  }
  for (let i = 0; i < 30_000 && wrong === 0; i++) {
    const size = 10 ** (chance() * 40 - 20)
    check((chance() < 0.5 ? 1 : -1) * chance() * size)
    // Halves of the last digit, which may go either way.
    check((Math.floor(chance() * 1e6) + 0.5) / 10 ** Math.floor(chance() * 6))
    check(Math.floor(chance() * 2 ** 53))
  }
  t.equal(wrong, 0)
})

t.test('a JSON text longer than its room', async t => {
  const json = new JsonBytes()
  const rows = Array.from({ length: 200_000 }, (_, row) => row)
  const values = Float64Array.from(rows, row => row / 7)
  json.raw('[')
  t.equal(json.numbers(values, new Uint8Array(rows.length), rows, 0, 12), rows.length)
  json.back(1)
  json.raw(']')
  const read: number[] = JSON.parse(Buffer.from(json.take()).toString())
  t.ok(read.every((value, row) => value === Number((row / 7).toPrecision(12))))
  json.value({ text: 'ä"\u2028\ud800' })
  t.equal(Buffer.from(json.take()).toString(), JSON.stringify({ text: 'ä"\u2028\ud800' }))
})

t.test('a rate that is read seldom is taken over the time between its reads', async t => {
  const { poll } = polled(catalogue)
  const at = (octets: number): Device => ({
    '1.1.1.1': { type: 'octets', value: Buffer.from('a') },
    '1.1.2.1': int(1),
    '1.2.7.1': { type: 'counter32', value: octets },
    '1.9.7.1': int(1),
  })
  poll(at(0), 0)
  t.equal(poll(at(600), 60).at('port.slow', 'a'), undefined, 'not read')
  t.equal(poll(at(1200), 120).at('port.slow', 'a'), 10)
  t.equal(poll(at(1800), 180).at('port.slow', 'a'), undefined)
  t.equal(poll(at(2400), 240).at('port.slow', 'a'), 10)
})
