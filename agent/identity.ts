// Who this agent is: what the server told it when it enrolled, in one file that only its user reads.

import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import Type, { type Static } from 'typebox'
import { EnrolAnswer } from '../server/model/agent.ts'
import { AppError, messageOf } from '../server/model/errors.ts'
import { parseJson, parser } from '../server/validate.ts'

const FILE = 'agent.json'

const Identity = Type.Object({
  v: Type.Literal(1),
  /** Where it enrolled. */
  server: Type.String(),
  /** SHA-256 of the token that it used: the same one again is no reason to enrol again. */
  token: Type.String(),
  answer: EnrolAnswer,
})
export type Identity = Static<typeof Identity>

const parse = parser(Identity, 'E_AGENT_IDENTITY', 'what this agent knows of itself')

export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/**
 * null: it never enrolled from this folder.
 * @throws AppError E_AGENT_IDENTITY where the file cannot be read or understood
 */
export async function readIdentity(dir: string): Promise<Identity | null> {
  const file = path.join(dir, FILE)
  try {
    return parse(parseJson(await readFile(file, 'utf8')))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw new AppError('E_AGENT_IDENTITY', `${file} cannot be used: ${messageOf(cause)}`, {
      cause,
      hint: 'remove it and enrol this host again with a new token',
    })
  }
}

/** Replaces the file at once or not at all. @throws AppError E_AGENT_IDENTITY */
export async function writeIdentity(dir: string, identity: Identity): Promise<void> {
  const file = path.join(dir, FILE)
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const handle = await open(`${file}.new`, 'w', 0o600)
    await handle.writeFile(`${JSON.stringify(identity, null, 2)}\n`)
    await handle.sync()
    await handle.close()
    await rename(`${file}.new`, file)
  } catch (cause) {
    throw new AppError('E_AGENT_IDENTITY', `${file} cannot be written: ${messageOf(cause)}`, {
      cause,
      hint: 'choose a folder with --data that the user of this program may write',
    })
  }
}

/** Can the folder be written? Asked before a token is used up. @throws AppError E_AGENT_IDENTITY */
export async function assertWritable(dir: string): Promise<void> {
  const file = path.join(dir, `${FILE}.new`)
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await (await open(file, 'w', 0o600)).close()
  } catch (cause) {
    throw new AppError('E_AGENT_IDENTITY', `${dir} cannot be written: ${messageOf(cause)}`, {
      cause,
      hint: 'choose a folder with --data that the user of this program may write',
    })
  }
}
