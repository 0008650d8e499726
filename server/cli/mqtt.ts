// `pollux mqtt check`: stands where ingest stands, on a broker without one, and says how well a
// publisher that is not ours keeps the contract.

import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import type { MqttBus } from '../bus/client.ts'
import { eventsFilter, rowsFilter, samplesFilter } from '../bus/topics.ts'
import { type Conformance, createConformance, WITHHOLD_MS } from '../ingest/conformance.ts'
import { createLog } from '../log.ts'
import { parseDuration } from '../model/duration.ts'
import { connectedBus } from './broker.ts'
import { print, printJson, printTable } from './output.ts'

/** Between two rounds of acknowledgements, ms. */
const ackEveryMs = 200
/** How long a new subscriber waits for what is retained, ms. */
const retainedMs = 1000

interface Options {
  url: string
  site: string
  for: string
  json?: boolean
}

export function mqttCommand(): Command {
  const command = new Command('mqtt').description('the MQTT contract')
  command
    .command('check')
    .description(
      'receive a publisher as Pollux would, withhold acknowledgements for 20 s, then give them; exit 1 where the contract is broken',
    )
    .requiredOption(
      '--url <url>',
      'the broker: mqtt://user:password@host:1883; no Pollux may be on it',
    )
    .option('--site <site>', 'POLLUX_SITE', 'main')
    .option('--for <duration>', 'how long to listen, at least 27s', '40s')
    .option('--json', 'answer as JSON')
    .action(check)
  return command
}

async function check(options: Options): Promise<void> {
  const bus = await connectSilently(options.url)
  const conformance = createConformance(options.site)
  try {
    await listen(bus, conformance, options)
    if (conformance.rowsTopics.size > 0) await lookForRetained(conformance, options)
  } finally {
    await bus.close()
  }
  const report = conformance.report(Date.now())
  const isBroken = report.rules.some(rule => rule.result === 'broken')
  if (isBroken || report.messages === 0) process.exitCode = 1
  if (options.json) return printJson(report)
  print(`${report.messages} messages of ${report.senders} numbering senders`)
  printTable(
    ['RULE', 'RESULT', 'WHAT'],
    report.rules.map(({ rule, result, text }) => [rule, result, text]),
  )
  for (const { rule, examples } of report.rules)
    for (const example of examples) print(`${rule}: ${example}`)
  if (report.messages === 0) print('nothing came: is the publisher running, and the site right?')
}

async function listen(bus: MqttBus, conformance: Conformance, options: Options): Promise<void> {
  const until = Date.now() + Math.max(parseDuration(options.for), WITHHOLD_MS + 7000)
  const { site } = options
  for (const filter of [samplesFilter(site), rowsFilter(site), eventsFilter(site)])
    await bus.subscribe(filter, message => conformance.message(message, Date.now()))
  while (Date.now() < until) {
    await delay(ackEveryMs)
    for (const { topic, ack } of conformance.acks(Date.now()))
      await bus.publish(topic, JSON.stringify(ack), { qos: 1 })
  }
}

/** Only a new subscriber is told which messages are retained (MQTT 3.1.1, 3.3.1.3). */
async function lookForRetained(conformance: Conformance, { url, site }: Options): Promise<void> {
  const bus = await connectSilently(url)
  const found = new Set<string>()
  try {
    await bus.subscribe(rowsFilter(site), ({ topic, retained }) => {
      if (retained) found.add(topic)
    })
    await delay(retainedMs)
  } finally {
    await bus.close()
  }
  conformance.foundRetained(found)
}

const connectSilently = (url: string): Promise<MqttBus> =>
  connectedBus({ url, purpose: 'check', log: createLog('silent') })
