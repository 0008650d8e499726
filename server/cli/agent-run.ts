// What `pollux agent` does: find out who this host is, enrol where it is nobody yet, and measure until
// it is told to stop.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { OpenExtra } from '../../agent/beside.ts'
import { enrol } from '../../agent/enrol.ts'
import { hostFacts } from '../../agent/facts.ts'
import {
  assertWritable,
  type Identity,
  readIdentity,
  tokenHash,
  writeIdentity,
} from '../../agent/identity.ts'
import { type RunOptions, runAgent } from '../../agent/run.ts'
import { createLog, type Logger } from '../log.ts'
import { EVERY_MS_MIN } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { type FolderLock, lockFolder } from '../store/lock.ts'
import { VERSION } from '../version.ts'
import type { AgentCommandOptions } from './agent.ts'

/** Ends by a signal, or throws. */
export async function runAgentCommand(options: AgentCommandOptions): Promise<void> {
  const log = createLog(options.verbose ? 'debug' : 'info')
  const everyMs = parseDuration(options.every)
  if (everyMs < EVERY_MS_MIN)
    throw new AppError('E_AGENT_EVERY', 'an agent measures once a second at most', {
      hint: 'write --every as 10s',
    })
  const dir = path.resolve(options.data)
  await assertWritable(dir)
  const lock = lockAlone(dir, log)
  const stop = new AbortController()
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(1)
    log.info({ signal }, 'stopping')
    stop.abort()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    await trust(options.ca)
    const extra = options.docker ? await extraOf(options.docker, options.every, log) : undefined
    const { answer: identity } = await identityOf(options, dir, log, stop.signal)
    await work({ identity, dir, everyMs, log, ...(extra && { extra }) }, stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
    lock.release()
  }
}

/** Loaded only here: most agents read no engine. @throws AppError E_AGENT_DOCKER */
async function extraOf(address: string, every: string, log: Logger): Promise<OpenExtra> {
  const { containersOf } = await import('./agent-docker.ts')
  return containersOf(address, every, log)
}

async function work(options: RunOptions, signal: AbortSignal): Promise<void> {
  const { identity, everyMs, log } = options
  const running = await runAgent(options)
  log.info({ device: identity.device, site: identity.site, every: everyMs / 1000 }, 'measuring')
  const { promise: stopped, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve())
  if (signal.aborted) resolve()
  try {
    await Promise.race([stopped, running.ended])
  } finally {
    await running.close()
    log.info({ ...running.sender.ledger, events: running.events?.ledger }, 'stopped')
  }
}

/** What this host is already, or becomes by a token that it did not use before. */
async function identityOf(
  { server, token, name, every, docker }: AgentCommandOptions,
  dir: string,
  log: Logger,
  signal: AbortSignal,
): Promise<Identity> {
  const known = await readIdentity(dir)
  if (known && (token === undefined || known.token === tokenHash(token))) return known
  if (server === undefined || token === undefined) {
    throw new AppError('E_AGENT_NOT_ENROLLED', `this host did not enrol yet (looked in ${dir})`, {
      hint: 'give --server and a --token of the page Agents',
    })
  }
  const facts = { ...hostFacts() }
  const has = docker ? { has: ['docker' as const] } : {}
  const request = { name: name.slice(0, 100), every, version: VERSION, facts, ...has }
  const answer = await enrol({ server, token, request, log, signal })
  const identity: Identity = { v: 1, server, token: tokenHash(token), answer }
  await writeIdentity(dir, identity)
  log.info({ device: answer.device }, 'enrolled')
  return identity
}

/** @throws AppError E_AGENT_TWICE */
function lockAlone(dir: string, log: Logger): FolderLock {
  try {
    return lockFolder(dir, log)
  } catch (cause) {
    if (!(cause instanceof AppError && cause.code === 'E_DATA_DIR_IN_USE')) throw cause
    throw new AppError('E_AGENT_TWICE', `another agent runs with ${dir}`, {
      hint: 'one is enough for a host; for another one choose another folder with --data',
    })
  }
}

/** For every connection of this process, to the server and to the broker. */
async function trust(file: string | undefined): Promise<void> {
  if (file === undefined) return
  try {
    const pem = await readFile(file, 'utf8')
    setDefaultCACertificates([...getCACertificates('default'), pem])
  } catch (cause) {
    throw new AppError('E_AGENT_CA', `${file} is not a certificate: ${messageOf(cause)}`, {
      cause,
      hint: 'give a file in PEM form with --ca',
    })
  }
}
