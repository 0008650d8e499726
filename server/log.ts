// Structured logs by pino: JSON lines, or pretty on a terminal. Secrets are redacted by key here, as
// a last line of defence: nobody should log them in the first place.

import { destination, type LevelWithSilent, type Logger as PinoLogger, pino } from 'pino'
import pretty from 'pino-pretty'

export type Logger = PinoLogger

const REDACTED = ['password', 'community', 'key', 'token', 'cookie', 'authorization', 'secrets']

/** Logs go to stderr, so that stdout stays for what a command answers. */
export function createLog(level: LevelWithSilent): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    redact: {
      paths: REDACTED.flatMap(key => [key, `*.${key}`, `*.*.${key}`]),
      censor: '(hidden)',
    },
  }
  return process.stderr.isTTY
    ? pino(
        options,
        pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss' }),
      )
    : pino(options, destination({ dest: 2, sync: true }))
}
