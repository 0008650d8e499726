// A private Prometheus that scrapes what a test tells it to, and promtool.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import Type, { type Static } from 'typebox'
import { parser } from '../../server/validate.ts'
import { freePort, program, startPart, type Teardown, tempDir } from './find.ts'

const DEBIAN_PACKAGE = 'prometheus'

export interface ScrapeJob {
  job: string
  /** host:port */
  target: string
  path: string
  params?: Record<string, string[]>
  /** The text of a token. */
  bearer: string
}

const Vector = Type.Object({
  data: Type.Object({
    result: Type.Array(
      Type.Object({
        metric: Type.Record(Type.String(), Type.String()),
        value: Type.Tuple([Type.Number(), Type.String()]),
      }),
    ),
  }),
})
export type VectorSample = Static<typeof Vector>['data']['result'][number]
const parseVector = parser(Vector, 'E_TEST', 'the answer of Prometheus')

export interface PrometheusPart {
  url: string
  /** An instant query. */
  query(expression: string): Promise<VectorSample[]>
  /** Killed, without a word. */
  kill(): Promise<void>
  /** Again on the same port, with the same data. */
  start(): Promise<void>
}

/** A running Prometheus that scrapes each job every 3 s and takes remote write, stopped after the test. */
export async function startPrometheus(
  t: Teardown,
  jobs: readonly ScrapeJob[],
): Promise<PrometheusPart> {
  const binary = await program('prometheus', DEBIAN_PACKAGE)
  const dir = await tempDir(t)
  const port = await freePort()
  const file = (name: string) => path.join(dir, name)
  // JSON is YAML.
  await writeFile(file('prometheus.yml'), JSON.stringify(configOf(jobs)), { mode: 0o600 })
  const url = `http://127.0.0.1:${port}`
  const args = [
    `--config.file=${file('prometheus.yml')}`,
    `--storage.tsdb.path=${file('data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
  ]
  const isReady = async () => (await fetch(`${url}/-/ready`)).ok
  const run = () => startPart(binary, args, isReady, { timeoutMs: 60_000 })
  let part = await run()
  t.teardown(() => part.stop('SIGKILL'))
  return {
    url,
    kill: () => part.stop('SIGKILL'),
    async start() {
      part = await run()
    },
    async query(expression) {
      const answer = await fetch(
        `${url}/api/v1/query?${new URLSearchParams({ query: expression })}`,
      )
      return parseVector(await answer.json()).data.result
    },
  }
}

function configOf(jobs: readonly ScrapeJob[]) {
  return {
    global: { scrape_interval: '3s', scrape_timeout: '3s' },
    scrape_configs: jobs.map(({ job, target, path, params, bearer }) => ({
      job_name: job,
      metrics_path: path,
      params,
      authorization: { credentials: bearer },
      static_configs: [{ targets: [target] }],
    })),
  }
}

/** `promtool check metrics` over a page: what it found, empty where all is well. */
export async function checkMetrics(page: string): Promise<string> {
  const promtool = await program('promtool', DEBIAN_PACKAGE)
  const child = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let found = ''
  const keep = (chunk: Buffer) => {
    found += chunk.toString()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.stdin.end(page)
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  return found
}
