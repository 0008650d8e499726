// The log of one container as lines: the last ones, and those to come. Bounded in line, in bytes and
// in time to the first answer; nothing is kept. What reads it slowly is waited for.

import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import Type from 'typebox'
import { AppError } from '../model/errors.ts'
import { parser } from '../validate.ts'
import { type Caller, openCaller } from './call.ts'
import type { EngineOptions } from './engine.ts'

/** Characters of one line; the rest of a longer one is left out. */
export const logLineMax = 4000
/** Bytes of one reading. */
export const logBytesMax = 8 * 1024 * 1024
/** Length of the header of a frame: stream, three zeros, size as 32 bits (Engine API, attach). */
const HEADER = 8

export interface LogLine {
  stream: 'stdout' | 'stderr'
  /** Unix ms by the engine's clock; null: not told. */
  at: number | null
  /** Without escape sequences. */
  text: string
  isCut: boolean
}

export interface LogAsked {
  /** Id or name. */
  container: string
  /** Last lines to begin with. */
  tail: number
  /** Goes on with the lines to come, until `signal`. */
  follow: boolean
  signal: AbortSignal
}

const inspectAnswer = parser(
  Type.Object({ Config: Type.Object({ Tty: Type.Optional(Type.Boolean()) }) }),
  'E_DOCKER_DECODE',
  "the engine's answer about a container",
)

/**
 * Resolves when the engine has accepted the call, with the lines as they come, some at a time. The
 * lines end with the container's, with `signal`, or by E_DOCKER_TOO_BIG after `logBytesMax`.
 * @throws AppError as the calls of Engine; E_DOCKER_GONE: there is no such container
 */
export async function openLog(
  options: EngineOptions,
  asked: LogAsked,
): Promise<AsyncGenerator<LogLine[]>> {
  const calls = await openCaller(options)
  const { signal } = asked
  // Lines that nobody begins to read end by the signal.
  signal.addEventListener('abort', () => calls.close(), { once: true })
  try {
    return closing(await begin(calls, asked), calls)
  } catch (error) {
    calls.close()
    throw error
  }
}

async function begin(calls: Caller, asked: LogAsked): Promise<AsyncGenerator<LogLine[]>> {
  const { signal } = asked
  const path = `/containers/${encodeURIComponent(asked.container)}`
  const found = await calls.send({ method: 'GET', path: `${path}/json`, signal })
  const isTty = inspectAnswer(found).Config.Tty === true
  const query = `stdout=1&stderr=1&timestamps=1&tail=${asked.tail}&follow=${asked.follow ? 1 : 0}`
  const answer = await calls.stream({ method: 'GET', path: `${path}/logs?${query}`, signal })
  return linesOf(answer, isTty, signal)
}

async function* closing(
  lines: AsyncGenerator<LogLine[]>,
  calls: Caller,
): AsyncGenerator<LogLine[]> {
  try {
    yield* lines
  } finally {
    calls.close()
  }
}

/** @param isTty the container has a terminal: bytes as they are, without frames */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  isTty: boolean,
  signal: AbortSignal,
): AsyncGenerator<LogLine[]> {
  const lines: LogLine[] = []
  const streams = {
    stdout: createSplitter(line => lines.push({ stream: 'stdout', ...line })),
    stderr: createSplitter(line => lines.push({ stream: 'stderr', ...line })),
  }
  const frames = isTty ? null : createFrames((stream, piece) => streams[stream].push(piece))
  let size = 0
  try {
    for await (const chunk of chunks) {
      size += chunk.length
      if (frames) frames(chunk)
      else streams.stdout.push(chunk)
      if (lines.length > 0) yield lines.splice(0)
      if (size > logBytesMax) {
        throw new AppError('E_DOCKER_TOO_BIG', `the log went over ${logBytesMax / 1024 ** 2} MB`, {
          hint: 'open it again for the last lines',
        })
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  streams.stdout.end()
  streams.stderr.end()
  if (lines.length > 0) yield lines.splice(0)
}

/** Takes frames apart, wherever chunks cut them; a frame is never gathered, whatever its size says. */
function createFrames(
  tell: (stream: 'stdout' | 'stderr', piece: Buffer) => void,
): (chunk: Buffer) => void {
  let header: Buffer = Buffer.alloc(0)
  let left = 0
  let stream: 'stdout' | 'stderr' = 'stdout'
  return chunk => {
    let rest = chunk
    while (rest.length > 0) {
      if (left > 0) {
        const piece = rest.subarray(0, left)
        tell(stream, piece)
        left -= piece.length
        rest = rest.subarray(piece.length)
        continue
      }
      const missing = HEADER - header.length
      header = Buffer.concat([header, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      if (header.length < HEADER) return
      const [kind = 9, ...zeros] = header.subarray(0, 4)
      if (kind > 2 || zeros.some(Boolean)) {
        throw new AppError('E_DOCKER_DECODE', 'the engine sent something that is not a log', {
          hint: 'is this really a Docker engine?',
        })
      }
      stream = kind === 2 ? 'stderr' : 'stdout'
      left = header.readUInt32BE(4)
      header = Buffer.alloc(0)
    }
  }
}

/** Text to lines; of a line without an end only its beginning is kept. */
function createSplitter(tell: (line: Omit<LogLine, 'stream'>) => void) {
  const decoder = new StringDecoder('utf8')
  let line = ''
  const add = (text: string) => {
    // One more than is shown says that there was more; room for the time before it.
    if (line.length <= logLineMax + 64) line += text.slice(0, logLineMax + 65)
  }
  const finish = () => {
    tell(lineOf(line))
    line = ''
  }
  return {
    push(piece: Buffer) {
      const [first = '', ...others] = decoder.write(piece).split('\n')
      add(first)
      for (const next of others) {
        finish()
        add(next)
      }
    },
    end() {
      add(decoder.end())
      if (line !== '') finish()
    },
  }
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/

function lineOf(written: string): Omit<LogLine, 'stream'> {
  const time = TIME.exec(written)
  const at = time?.[1] === undefined ? Number.NaN : Date.parse(time[1])
  const text = stripVTControlCharacters(written.slice(time?.[0].length ?? 0).replace(/\r$/, ''))
  return {
    at: Number.isNaN(at) ? null : at,
    text: text.slice(0, logLineMax),
    isCut: text.length > logLineMax,
  }
}
