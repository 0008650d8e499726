// The second step of signing in: a TOTP key that the person confirms with a code, and recovery codes
// for the day on which the phone is lost. The key is kept sealed, recovery codes as hashes.

import { createHash, randomInt } from 'node:crypto'
import { AppError, type FieldError } from '../model/errors.ts'
import type { User } from '../model/user.ts'
import type { Secrets } from '../secrets.ts'
import type { KnownUser, UserStore } from '../store/contract.ts'
import { base32, keyUri, makeKey, stepOf } from './totp.ts'

const RECOVERY_CODES = 10
/** Without look-alikes; ten of them are about 49 bits, and guesses are throttled. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'
const RECOVERY_CHARS = 10
/** How long a key waits for its first code. */
const SETUP_MS = 15 * 60_000

export interface TotpSetup {
  /** Goes back with the first code; it is sealed, and for this person alone. */
  setup: string
  /** In groups of four, to be typed. */
  key: string
  /** To be drawn as a QR code. */
  uri: string
}

export interface SecondStep {
  begin(user: User): TotpSetup
  /** The setup that the page showed, for showing it again; null: too old, or not of this person. */
  again(user: User, setup: string): TotpSetup | null
  /**
   * Switches the second step on; gives the recovery codes, which nobody sees again.
   * @throws AppError E_TOTP_CODE, E_TOTP_SETUP (with `errors`)
   */
  confirm(user: User, setup: string, code: string): Promise<string[]>
  /** A code of the app, or a recovery code; each one counts once. */
  passes(user: KnownUser, code: string): Promise<'code' | 'recovery' | null>
}

export function createSecondStep(parts: {
  users: UserStore
  secrets: Secrets
  now: () => number
}): SecondStep {
  const { users, secrets, now } = parts

  const keyIn = (user: User, setup: string): Buffer | null => {
    try {
      const [at, key] = secrets.open(`totp-setup:${user.id}`, setup).split(' ')
      return key && now() - Number(at) <= SETUP_MS ? Buffer.from(key, 'hex') : null
    } catch {
      return null
    }
  }
  const shown = (user: User, setup: string, key: Buffer): TotpSetup => ({
    setup,
    key: base32(key).replace(/(.{4})(?=.)/g, '$1 '),
    uri: keyUri(key, 'Pollux', user.name),
  })

  return {
    begin(user) {
      const key = makeKey()
      const setup = secrets.seal(`totp-setup:${user.id}`, `${now()} ${key.toString('hex')}`)
      return shown(user, setup, key)
    },
    again(user, setup) {
      const key = keyIn(user, setup)
      return key && shown(user, setup, key)
    },
    async confirm(user, setup, code) {
      const key = keyIn(user, setup)
      if (!key) throw refused('E_TOTP_SETUP', 'is of a set-up that is too old: begin again')
      const step = stepOf(key, code, now())
      if (step === null) throw refused('E_TOTP_CODE', 'is not right: look at the app again')
      const codes = Array.from({ length: RECOVERY_CODES }, makeRecoveryCode)
      await users.setTotp(user.id, {
        sealed: secrets.seal(`totp:${user.id}`, key.toString('hex')),
        step,
        codes: codes.map(one => recoveryHash(user.id, one)),
      })
      return codes
    },
    async passes(user, code) {
      if (user.totpSealed === null || code.length > 100) return null
      const key = Buffer.from(secrets.open(`totp:${user.id}`, user.totpSealed), 'hex')
      const step = stepOf(key, code, now())
      if (step !== null) return (await users.useTotpStep(user.id, step)) ? 'code' : null
      const known = await users.useRecoveryCode(user.id, recoveryHash(user.id, code))
      return known ? 'recovery' : null
    },
  }
}

function refused(code: string, message: string): AppError {
  const errors: FieldError[] = [{ path: 'code', message }]
  return new AppError(code, `the code ${message}`, { errors })
}

function makeRecoveryCode(): string {
  const chars = Array.from({ length: RECOVERY_CHARS }, () => ALPHABET[randomInt(ALPHABET.length)])
  return `${chars.slice(0, 5).join('')}-${chars.slice(5).join('')}`
}

/** However it is typed: capitals, blanks and dashes do not count. */
function recoveryHash(userId: number, code: string): string {
  const plain = code.toLowerCase().replace(/[^a-z0-9]/g, '')
  return createHash('sha256').update(`${userId}:${plain}`).digest('hex')
}
