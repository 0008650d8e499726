// Talks to Mosquitto's dynamic-security plugin: commands as JSON on its control topic, answers on
// another. It knows no accounts.

import { randomBytes } from 'node:crypto'
import Type from 'typebox'
import { AppError, messageOf } from '../model/errors.ts'
import { checker, parseJson } from '../validate.ts'
import type { Bus, BusMessage } from './contract.ts'

const CONTROL = '$CONTROL/dynamic-security/v1'
/** A broker without the plugin, or that grants us no right to it, says nothing at all, ms. */
const answerMsMax = 10_000
/** Calls that wait for an answer at a time. */
const callsMax = 100

const Answer = Type.Object({
  responses: Type.Array(
    Type.Object({
      command: Type.Optional(Type.String()),
      error: Type.Optional(Type.String()),
      correlationData: Type.Optional(Type.String()),
    }),
  ),
})
const checkAnswer = checker(Answer)

export interface Dynsec {
  /**
   * Runs the commands in their order; gives the error of each, null where it went well.
   * @throws AppError E_ACCOUNT where the broker did not answer
   */
  run(commands: readonly { command: string }[]): Promise<(string | null)[]>
}

interface Call {
  errors: (string | null)[]
  left: number
  done(errors: (string | null)[]): void
}

export function createDynsec(bus: Bus, options: { answerMs?: number } = {}): Dynsec {
  const { answerMs = answerMsMax } = options
  const calls = new Map<string, Call>()
  let listening: Promise<unknown> | null = null

  function onAnswer({ payload }: BusMessage): void {
    const answer = checkAnswer(parseJson(payload))
    if (!answer.ok) return
    for (const { correlationData = '', error = null } of answer.value.responses) {
      const [id = '', place = ''] = correlationData.split(' ')
      const call = calls.get(id)
      if (!call || !(Number(place) in call.errors)) continue
      call.errors[Number(place)] = error
      if (--call.left === 0) call.done(call.errors)
    }
  }

  async function listen(): Promise<void> {
    listening ??= bus.subscribe(`${CONTROL}/response`, onAnswer)
    await listening.catch(error => {
      listening = null
      throw error
    })
  }

  async function ask(commands: readonly { command: string }[], id: string): Promise<void> {
    await listen()
    const numbered = commands.map((one, i) => ({ ...one, correlationData: `${id} ${i}` }))
    await bus.publish(CONTROL, JSON.stringify({ commands: numbered }))
  }

  return {
    async run(commands) {
      if (calls.size >= callsMax) throw silent('too many commands wait for its answer')
      const id = randomBytes(8).toString('hex')
      const { promise, resolve, reject } = Promise.withResolvers<(string | null)[]>()
      const errors = commands.map(() => null)
      calls.set(id, { errors, left: commands.length, done: resolve })
      const timer = setTimeout(() => reject(silent('it did not answer')), answerMs)
      try {
        await ask(commands, id).catch(cause => {
          throw silent(messageOf(cause), cause)
        })
        return await promise
      } finally {
        clearTimeout(timer)
        calls.delete(id)
      }
    },
  }
}

function silent(why: string, cause?: unknown): AppError {
  return new AppError('E_ACCOUNT', `the MQTT broker makes no accounts: ${why}`, {
    hint: 'accounts need Mosquitto with its dynamic-security plugin, and the user of POLLUX_MQTT_URL the rights to it: docs/brokers.md',
    cause,
  })
}
